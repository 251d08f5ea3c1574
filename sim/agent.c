/* sim/agent.c -- the VMM server's agent on a host: does what it is asked, and tells how its machines
 * stand.  Twin of lab/host/agent.c.
 *
 * It has no memory of its own but of the asks of this life of its host, so that one that is said
 * twice is done once. */
#include "core/base/ipv4.h"
#include "sim/management.h"
#include "sim/move.h"

#define CONNECT_US TS_S       /* CHOICE: until a host that has come up reaches its VMM server */
#define NOTICE_US (3 * TS_S)  /* CHOICE: until the VMM server sees that a host is gone */

typedef struct {
  gint64 number;
  TsSimVm *vm; /* NULL: of none */
  TsAsk ask;   /* TS_ASK_COUNT: none */
  gboolean ok;
  gint64 code;
  char *reason;
} Asked;

struct _TsSimAgent {
  TsSimManagement *management;
  TsSimHost *host;
  TsSimVmm *vmm;
  gboolean connected;
  guint64 life;       /* connections so far */
  GPtrArray *asked;   /* Asked */
  GPtrArray *told;    /* GVariant, by VM: as told last; NULL: not told */
  char **addresses;   /* by VM: its static address; NULL: its first one */
  char **tests;       /* by VM: to what its test machine here is connected; NULL: to nothing */
  char **networks;    /* by VM: to what its machine here is connected; NULL: its first one */
  TsPolicy *policies; /* by VM: how it is replicated */
  Asked *now;         /* is being done */
};

static void
asked_free (gpointer data)
{
  Asked *asked = data;
  g_free (asked->reason);
  g_free (asked);
}

static void
variant_free (gpointer data)
{
  if (data)
    g_variant_unref (data);
}

TsSimAgent *
ts_sim_agent_new (TsSimManagement *management, TsSimHost *host, TsSimVmm *vmm)
{
  TsSimAgent *agent = g_new0 (TsSimAgent, 1);
  guint vms = management->world->topology->vms->len;
  agent->management = management;
  agent->host = host;
  agent->vmm = vmm;
  agent->asked = g_ptr_array_new_with_free_func (asked_free);
  agent->told = g_ptr_array_new_with_free_func (variant_free);
  g_ptr_array_set_size (agent->told, (gint)vms);
  agent->networks = g_new0 (char *, vms + 1);
  agent->addresses = g_new0 (char *, vms + 1);
  agent->tests = g_new0 (char *, vms + 1);
  agent->policies = g_new0 (TsPolicy, MAX (vms, 1));
  return agent;
}

void
ts_sim_agent_free (TsSimAgent *agent)
{
  if (!agent)
    return;
  for (guint i = 0; i < agent->told->len; i++) {
    g_free (agent->networks[i]);
    g_free (agent->tests[i]);
    g_free (agent->addresses[i]);
  }
  g_ptr_array_unref (agent->asked);
  g_ptr_array_unref (agent->told);
  g_free (agent->networks);
  g_free (agent->tests);
  g_free (agent->addresses);
  g_free (agent->policies);
  g_free (agent);
}

static void
send (TsSimAgent *agent, TsMessageKind kind, TsFields *fields)
{
  GVariant *message = ts_message_new (kind, fields);
  if (agent->connected)
    ts_sim_vmm_host_message (agent->vmm, agent->host->spec->name, message);
  else
    g_variant_unref (g_variant_ref_sink (message));
}

/* --- levels ----------------------------------------------------------------------------------- */

static const char *
name_of (const GPtrArray *fars, gint index)
{
  return index < 0 ? "" : ((const TsFarSpec *)fars->pdata[index])->name;
}

static void
set_text (char **text, const char *to)
{
  g_free (*text);
  *text = g_strdup (to);
}

static void
add_points (TsLevel *level, const TsReceiver *receiver, gint64 clock_us)
{
  const TsPoint *points;
  guint count = ts_receiver_points (receiver, &points);
  for (guint i = 0; i < count; i++)
    g_array_append_val (level->points, points[i]);
  gint64 newest_us = ts_receiver_point_us (receiver);
  guint64 stored = ts_receiver_stored_set (receiver);
  gboolean there = count > 0 && points[count - 1].set >= stored;
  if (newest_us >= 0 && stored > 0 && !there) {
    TsPoint latest = {stored, newest_us, TS_POINT_STANDARD};
    g_array_append_val (level->points, latest);
  }
  for (guint i = 0; i < level->points->len; i++)
    g_array_index (level->points, TsPoint, i).instant_us += clock_us;
}

/* NULL: there is nothing of it here. */
static TsLevel *
level_of (const TsSimAgent *agent, TsSimVm *vm)
{
  const TsSimHost *host = agent->host;
  TsSimRelation *rel = ts_sim_host_relation (host, vm);
  gboolean home = vm->source->host == host && !(rel && rel->receiver);
  const TsSimMachine *machine = home ? vm->source : vm->copy && vm->copy->host == host ? vm->copy : NULL;
  if (!rel && !machine)
    return NULL;
  char id[TS_GUID_TEXT_SIZE];
  ts_guid_format (&vm->spec->id, id);
  const TsManagement *spec = agent->management->spec;
  gint64 clock_us = ts_sim_management_clock_us (agent->management, ts_sim_vmm_ahead_us (agent->vmm)) -
                    ts_sim_now_us (agent->management->world);
  TsLevel *level = ts_level_new (vm->spec->name, id, host->spec->name);
  level->exists = machine != NULL;
  level->on = machine && machine->on;
  level->serving = machine && machine->ready;
  level->memory_bytes = vm->spec->memory_bytes;
  for (guint i = 0; i < vm->spec->disks->len; i++)
    level->disk_bytes += ts_vm_spec_disk (vm->spec, i)->size_bytes;
  level->disks = g_new0 (char *, vm->spec->disks->len + 1);
  for (guint i = 0; i < vm->spec->disks->len; i++)
    level->disks[i] = g_strdup (ts_vm_spec_disk (vm->spec, i)->name);
  const char *network = agent->networks[vm->index];
  gboolean first = host->index == vm->spec->host;
  set_text (&level->network, network ? network : first ? name_of (spec->networks, vm->spec->network) : "");
  if (agent->addresses[vm->index])
    set_text (&level->address, agent->addresses[vm->index]);
  else if (first && vm->spec->address && !network) {
    char text[TS_IPV4_TEXT_SIZE];
    ts_ipv4_format (vm->spec->address, text);
    set_text (&level->address, text);
  }
  set_text (&level->classification, first ? name_of (spec->storages, vm->spec->storage) : "");
  if (!rel)
    return level;
  level->role = rel->sender ? TS_LEVEL_PRIMARY : TS_LEVEL_REPLICA;
  level->state = ts_sim_relation_state (rel);
  level->health = rel->sender ? ts_sender_health (rel->sender) : ts_receiver_health (rel->receiver);
  if (level->health > TS_HEALTH_NORMAL) {
    g_autofree char *reason = g_strdup_printf ("replication is in state %s", ts_state_name (level->state));
    set_text (&level->reason, reason);
  }
  guint other = vm->primary == host->index ? vm->replica : vm->primary;
  set_text (&level->peer, other == G_MAXUINT ? "" : ts_sim_host (host->world, other)->spec->name);
  if (rel->sender) {
    level->replicated = ts_sender_disks (rel->sender);
    level->exported = ts_sender_is_exported (rel->sender);
    gint64 sync_us = ts_sender_statistics (rel->sender)->last_sync_us;
    level->point_us = sync_us < 0 ? -1 : sync_us + clock_us;
    level->pending_bytes = (gint64)ts_sender_pending_bytes (rel->sender);
    return level;
  }
  gint64 point_us = ts_receiver_point_us (rel->receiver);
  level->point_us = point_us < 0 ? -1 : point_us + clock_us;
  level->exported = ts_receiver_awaits_medium (rel->receiver);
  level->test = vm->test && vm->test->host == host && vm->test->on;
  level->test_serving = level->test && vm->test->ready;
  if (level->test && agent->tests[vm->index])
    set_text (&level->test_network, agent->tests[vm->index]);
  if (level->state == TS_STATE_RECOVERED || level->state == TS_STATE_COMMITTED)
    level->copy_set = ts_receiver_copy_point (rel->receiver).set;
  add_points (level, rel->receiver, clock_us);
  return level;
}

static void
tell (TsSimAgent *agent, TsSimVm *vm, GVariantBuilder *items, guint *count, gboolean anew)
{
  TsLevel *level = level_of (agent, vm);
  GVariant *old = agent->told->pdata[vm->index];
  if (!level && !old)
    return;
  if (!level) { /* there was something: now there is not */
    char id[TS_GUID_TEXT_SIZE];
    ts_guid_format (&vm->spec->id, id);
    level = ts_level_new (vm->spec->name, id, agent->host->spec->name);
  }
  g_autoptr (GVariant) now = g_variant_ref_sink (ts_level_variant (level));
  ts_level_free (level);
  if (!anew && old && g_variant_equal (old, now))
    return;
  (*count)++;
  ts_list_add (items, now);
  if (old)
    g_variant_unref (old);
  agent->told->pdata[vm->index] = g_steal_pointer (&now);
}

static void
send_levels (TsSimAgent *agent, GVariantBuilder *items, gboolean full)
{
  TsFields *fields = ts_fields_new ();
  ts_fields_set_bool (fields, "full", full);
  ts_fields_set (fields, "items", g_variant_builder_end (items));
  send (agent, TS_MESSAGE_LEVELS, fields);
}

void
ts_sim_agent_look (TsSimAgent *agent, TsSimVm *vm)
{
  GVariantBuilder items;
  guint count = 0;
  if (!agent->connected)
    return;
  g_variant_builder_init (&items, G_VARIANT_TYPE ("av"));
  tell (agent, vm, &items, &count, FALSE);
  if (count > 0)
    send_levels (agent, &items, FALSE);
  else
    g_variant_builder_clear (&items);
}

static void
tell_all (TsSimAgent *agent)
{
  const TsManagement *spec = agent->management->spec;
  GVariantBuilder items, networks, storages;
  guint count = 0;
  g_variant_builder_init (&networks, G_VARIANT_TYPE ("as"));
  g_variant_builder_init (&storages, G_VARIANT_TYPE ("av"));
  gint vmm = ts_management_vmm_of (spec, agent->host->index);
  for (guint i = 0; i < spec->networks->len; i++)
    if ((gint)((TsFarSpec *)spec->networks->pdata[i])->vmm == vmm)
      g_variant_builder_add (&networks, "s", name_of (spec->networks, (gint)i));
  for (guint i = 0; i < spec->storages->len; i++)
    if ((gint)((TsFarSpec *)spec->storages->pdata[i])->vmm == vmm) {
      TsFields *one = ts_fields_new ();
      ts_fields_set_text (one, "name", name_of (spec->storages, (gint)i));
      ts_list_add (&storages, ts_fields_end (one));
    }
  TsFields *fields = ts_fields_new ();
  ts_fields_set_int (fields, "memory", (gint64)agent->host->spec->memory_bytes);
  ts_fields_set_int (fields, "storage", (gint64)agent->host->spec->storage_bytes);
  ts_fields_set (fields, "networks", g_variant_builder_end (&networks));
  ts_fields_set (fields, "classifications", g_variant_builder_end (&storages));
  send (agent, TS_MESSAGE_HOST, fields);
  g_variant_builder_init (&items, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < agent->told->len; i++) {
    g_clear_pointer (&agent->told->pdata[i], variant_free);
    tell (agent, ts_sim_vm (agent->management->world, i), &items, &count, TRUE);
  }
  send_levels (agent, &items, TRUE);
}

/* --- asks ------------------------------------------------------------------------------------- */

static void
say (TsSimAgent *agent, const Asked *asked)
{
  TsFields *fields = ts_fields_new ();
  ts_fields_set_int (fields, "number", asked->number);
  ts_fields_set_bool (fields, "ok", asked->ok);
  ts_fields_set_int (fields, "code", asked->code);
  ts_fields_set_text (fields, "reason", asked->reason ? asked->reason : "");
  send (agent, TS_MESSAGE_SAID, fields);
}

static void
refuse (Asked *asked, gint64 code, const char *reason)
{
  if (!asked->ok)
    return;
  asked->ok = FALSE;
  asked->code = code;
  asked->reason = g_strdup (reason);
}

/* The first that went wrong of what it was asked for the VM. */
void
ts_sim_agent_hear (TsSimAgent *agent, const TsRecord *record)
{
  static const char *const ours[] = {"branch",    "merge",      "power-on", "discard",
                                     "shut-down", "test-start", "test-stop", "turn"};
  if (g_strcmp0 (ts_record_get_text (record, "host"), agent->host->spec->name) != 0)
    return;
  gboolean refused = g_str_equal (record->kind, "refused");
  gboolean stays = g_str_equal (record->kind, "move") &&
                   g_strcmp0 (ts_record_get_text (record, "phase"), "failed") == 0;
  if (!refused && !stays && !g_str_equal (record->kind, "failure"))
    return;
  const char *name = ts_record_get_text (record, "vm"), *verb = ts_record_get_text (record, "verb");
  for (guint i = agent->asked->len; i > 0; i--) {
    Asked *asked = agent->asked->pdata[i - 1];
    if (!asked->vm || asked->ask == TS_ASK_COUNT || g_strcmp0 (asked->vm->spec->name, name) != 0)
      continue;
    gboolean mine = refused && g_strcmp0 (verb, ts_ask_name (asked->ask)) == 0;
    mine |= stays && asked->ask == TS_ASK_MOVE;
    for (guint f = 0; !refused && !stays && f < G_N_ELEMENTS (ours); f++)
      mine |= g_strcmp0 (ts_record_get_text (record, "action"), ours[f]) == 0;
    if (!mine || !asked->ok)
      return;
    refuse (asked, refused ? TS_SITE_HOST_REFUSED : TS_SITE_FAILED, ts_record_get_text (record, "reason"));
    if (asked != agent->now)
      say (agent, asked);
    return;
  }
}

static void
report_policy (TsWorld *world, const TsSimVm *vm, const char *name)
{
  const TsPolicy *policy = vm->policy;
  TsRecord *record = ts_record_new (ts_sim_now_us (world), "sim", "policy");
  ts_record_text (record, "vm", vm->spec->name);
  ts_record_text (record, "policy", name);
  ts_record_int (record, "frequency_us", policy->frequency_us);
  ts_record_int (record, "recovery_points", policy->recovery_points);
  ts_record_int (record, "app_consistent_us", policy->app_consistent_us);
  ts_sim_report (world, ts_record_int (record, "interval_us", ts_policy_interval_us (policy)));
}

/* With whom and how a machine here replicates. */
static void
relate (TsSimAgent *agent, Asked *asked, GVariant *fields)
{
  TsWorld *world = agent->management->world;
  TsSimVm *vm = asked->vm;
  gint peer = ts_topology_find_host (world->topology, ts_variant_text (fields, "peer", ""));
  g_autoptr (GVariant) said = ts_variant_dict (fields, "policy");
  g_autoptr (GVariant) packed =
      said ? g_variant_lookup_value (said, "packed", G_VARIANT_TYPE (TS_POLICY_TYPE)) : NULL;
  TsPolicy policy;
  g_autoptr (GError) error = NULL;
  if (peer < 0 || !packed || !ts_policy_unpack (packed, &policy, &error)) {
    refuse (asked, TS_SITE_FAILED, error ? error->message : "there is no such host");
    return;
  }
  if (world->topology->policies->len > 0) /* the site's own time of day */
    policy.resync.clock_us = ts_topology_policy (world->topology, 0)->policy.resync.clock_us;
  agent->policies[vm->index] = policy;
  TsSimRelation *rel = ts_sim_host_relation (agent->host, vm);
  if (rel || g_strcmp0 (ts_variant_text (fields, "role", "primary"), "replica") == 0) {
    vm->policy = &agent->policies[vm->index];
    TsEvent event = {.now_us = ts_sim_now_us (world), .kind = TS_EVENT_PEER};
    event.peer.name = ts_sim_host (world, (guint)peer)->spec->name;
    if (rel && rel->sender && rel->peer != (guint)peer)
      ts_sim_relation_step (rel, &event);
    return;
  }
  vm->replica = (guint)peer;
  vm->policy = &agent->policies[vm->index];
  ts_sim_relation_new_sender (agent->host, vm, vm->policy);
  report_policy (world, vm, ts_variant_text (said, "name", ""));
  ts_sim_touch (vm);
}

/* All that are to be replicated from now on; FALSE: refused. */
static gboolean
disks_wanted (Asked *asked, const TsSimRelation *rel, GVariant *fields, guint32 *wanted)
{
  const TsSimVm *vm = asked->vm;
  g_autoptr (GVariant) add = g_variant_lookup_value (fields, "add", G_VARIANT_TYPE ("as"));
  g_autoptr (GVariant) remove = g_variant_lookup_value (fields, "remove", G_VARIANT_TYPE ("as"));
  g_autofree const char **more = add ? g_variant_get_strv (add, NULL) : NULL;
  g_autofree const char **less = remove ? g_variant_get_strv (remove, NULL) : NULL;
  *wanted = ts_sender_disks (rel->sender);
  for (guint i = 0; i < vm->spec->disks->len; i++) {
    const char *name = ts_vm_spec_disk (vm->spec, i)->name;
    if (more && g_strv_contains (more, name))
      *wanted |= 1u << i;
    if (less && g_strv_contains (less, name))
      *wanted &= ~(1u << i);
  }
  if ((*wanted & vm->detached) == 0)
    return TRUE;
  refuse (asked, TS_SITE_HOST_REFUSED, "a disk of them is not attached");
  return FALSE;
}

static void
ask (TsSimAgent *agent, Asked *asked, GVariant *fields)
{
  TsSimVm *vm = asked->vm;
  TsSimRelation *rel = ts_sim_host_relation (agent->host, vm);
  gboolean primary = g_strcmp0 (ts_variant_text (fields, "role", ""), "primary") == 0;
  gboolean is_side = rel && (primary ? rel->sender != NULL : rel->receiver != NULL);
  gboolean planned = ts_variant_bool (fields, "planned", FALSE);
  gint what = ts_ask_find (ts_variant_text (fields, "ask", ""));
  if (what < 0 || !rel || (!is_side && what != TS_ASK_REVERSE)) { /* HVR 3.4, known failures */
    g_autofree char *why = g_strdup_printf ("'%s' is not applicable on virtual machine '%s'",
                                            ts_variant_text (fields, "ask", ""), vm->spec->name);
    refuse (asked, TS_SITE_HOST_REFUSED, why);
    return;
  }
  TsPointChoice point = {0};
  gint64 how = ts_variant_int (fields, "point_how", TS_CHOOSE_LATEST);
  point.how = how == TS_CHOOSE_SET          ? TS_CHOOSE_SET
              : how == TS_CHOOSE_CONSISTENT ? TS_CHOOSE_CONSISTENT
                                            : TS_CHOOSE_LATEST;
  point.number = ts_variant_int (fields, "point_number", 0);
  guint32 disks = 0;
  if (what == TS_ASK_IMPORT) /* who has been told to carry it has done so, or both paths are one share */
    ts_sim_initial_carry (vm, vm, FALSE);
  if (what == TS_ASK_UPDATE_DISKS && !disks_wanted (asked, rel, fields, &disks))
    return;
  if (what == TS_ASK_FAILOVER)
    vm->forced = !planned && vm->source->on;
  asked->ask = (TsAsk)what;
  if (what == TS_ASK_TEST_FAILOVER)
    set_text (&agent->tests[vm->index], ts_variant_text (fields, "network", ""));
  TsSideOrder order = {.side = primary ? TS_ROLE_PRIMARY : TS_ROLE_REPLICA,
                       .ask = asked->ask,
                       .planned = planned,
                       .point = point,
                       .disks = {.replicated = disks}};
  ts_sim_relation_ask (rel, &order);
  ts_sim_touch (vm);
}

static void
move (TsSimAgent *agent, Asked *asked, GVariant *fields)
{
  TsSimVm *vm = asked->vm;
  gint to = ts_topology_find_host (agent->management->world->topology, ts_variant_text (fields, "to", ""));
  TsSimRelation *rel = ts_sim_host_relation (agent->host, vm);
  gboolean primary = g_strcmp0 (ts_variant_text (fields, "role", ""), "primary") == 0;
  g_autofree char *why = to < 0 ? g_strdup ("there is no such host")
                                : ts_sim_move_why_not (agent->host, vm, (guint)to);
  if (!why && (!rel || (primary ? !rel->sender : !rel->receiver)))
    why = g_strdup ("the virtual machine has not that part here");
  if (why) {
    refuse (asked, TS_SITE_HOST_REFUSED, why);
    return;
  }
  asked->ask = TS_ASK_MOVE;
  TsSideOrder order = {.ask = TS_ASK_MOVE, .host = (guint)to};
  ts_sim_relation_ask (rel, &order);
  ts_sim_touch (vm);
}

static void
shut_down (TsSimAgent *agent, Asked *asked)
{
  TsSimMachine *machine = asked->vm->source;
  if (machine->host != agent->host)
    refuse (asked, TS_SITE_NOT_FOUND, "the virtual machine does not run here");
  else if (machine->on)
    ts_sim_machine_shut_down (machine);
}

static void
perform (TsSimAgent *agent, Asked *asked, const char *verb, GVariant *fields)
{
  TsWorld *world = agent->management->world;
  asked->vm = g_hash_table_lookup (world->by_name, ts_variant_text (fields, "vm", ""));
  if (g_str_equal (verb, "configure"))
    return; /* the host takes replicas of whom its authorization names */
  if (!asked->vm)
    refuse (asked, TS_SITE_NOT_FOUND, "there is no such virtual machine here");
  else if (g_str_equal (verb, "relate"))
    relate (agent, asked, fields);
  else if (g_str_equal (verb, "ask"))
    ask (agent, asked, fields);
  else if (g_str_equal (verb, "move"))
    move (agent, asked, fields);
  else if (g_str_equal (verb, "shut-down"))
    shut_down (agent, asked);
  else if (g_str_equal (verb, "connect")) {
    set_text (&agent->networks[asked->vm->index], ts_variant_text (fields, "network", ""));
    const char *address = ts_variant_text (fields, "address", NULL);
    if (address)
      set_text (&agent->addresses[asked->vm->index], address);
    ts_sim_touch (asked->vm);
  } else if (g_str_equal (verb, "delete"))
    ts_sim_touch (asked->vm); /* a relation that is gone has left nothing that anybody sees */
  else
    refuse (asked, TS_SITE_FAILED, "this host does not know how to do that");
}

void
ts_sim_agent_message (TsSimAgent *agent, GVariant *message)
{
  TsMessageKind kind;
  g_autoptr (GVariant) fields = NULL;
  if (!agent->connected || !agent->host->up || !ts_message_open (message, &kind, &fields, NULL))
    return;
  if (kind == TS_MESSAGE_LOOK) {
    tell_all (agent);
    return;
  }
  if (kind != TS_MESSAGE_ASK)
    return;
  gint64 number = ts_variant_int (fields, "number", 0);
  for (guint i = 0; i < agent->asked->len; i++)
    if (((Asked *)agent->asked->pdata[i])->number == number) {
      say (agent, agent->asked->pdata[i]);
      return;
    }
  Asked *asked = g_new0 (Asked, 1);
  asked->number = number;
  asked->ok = TRUE;
  asked->ask = TS_ASK_COUNT;
  g_ptr_array_add (agent->asked, asked);
  g_autoptr (GVariant) inner = ts_variant_dict (fields, "fields");
  agent->now = asked;
  perform (agent, asked, ts_variant_text (fields, "verb", ""), inner);
  agent->now = NULL;
  say (agent, asked);
}

/* --- lines ------------------------------------------------------------------------------------ */

static void
connected (gpointer user, gpointer data)
{
  TsSimAgent *agent = user;
  if (GPOINTER_TO_SIZE (data) != agent->life || !agent->host->up || !ts_sim_vmm_up (agent->vmm))
    return;
  agent->connected = TRUE;
  ts_sim_vmm_host_line (agent->vmm, agent->host->spec->name, TRUE);
}

static void
noticed (gpointer user, gpointer data)
{
  TsSimAgent *agent = user;
  if (GPOINTER_TO_SIZE (data) == agent->life && !agent->connected)
    ts_sim_vmm_host_line (agent->vmm, agent->host->spec->name, FALSE);
}

static void
later (TsSimAgent *agent, gint64 in_us, TsSimCall call)
{
  TsWorld *world = agent->management->world;
  ts_sim_clock_at (world->clock, ts_sim_now_us (world) + in_us, call, agent,
                   GSIZE_TO_POINTER (agent->life), NULL);
}

void
ts_sim_agent_host_power (TsSimAgent *agent, gboolean on)
{
  agent->life++;
  agent->connected = FALSE;
  if (!on)
    g_ptr_array_set_size (agent->asked, 0);
  later (agent, on ? CONNECT_US : NOTICE_US, on ? connected : noticed);
}

void
ts_sim_agent_vmm_power (TsSimAgent *agent, gboolean on)
{
  agent->life++;
  agent->connected = FALSE;
  if (on && agent->host->up)
    later (agent, CONNECT_US, connected);
}
