/* lab/host/host.c -- see host.h. */
#include "lab/host/host.h"
#include "core/base/units.h"
#include "core/relation/extend.h"
#include "lab/host/move.h"
#include "lab/link/realm.h"
#include "lab/site/site.h"
#include <glib/gstdio.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define HANDSHAKE_US (10 * TS_S)
#define HELLO_US (10 * TS_S)  /* a peer that does not say who it is by then is turned away */
#define GOODBYE_US (2 * TS_S) /* for a refusal to reach who is refused */

typedef struct { /* a peer that is connected and has not said HELLO, or has been told no */
  TsLabHost *host;
  TsLabLink *link;
  TsLabTimer *timer;
  gboolean refused;
} Caller;

gint64
ts_lab_host_now_us (const TsLabHost *host)
{
  return ts_lab_clock_now_us (&host->clock);
}

void
ts_lab_host_report (TsLabHost *host, TsRecord *record)
{
  g_autoptr (GError) error = NULL;
  ts_lab_managed_hear (host->managed, record);
  GVariant *body = g_variant_new ("v", ts_record_to_variant (record));
  if (host->control && !ts_lab_control_send (host->control, "record", body, &error)) {
    /* Nobody hears us any more: what we do is of no use. */
    host->status = 70;
    g_main_loop_quit (host->loop);
  }
  ts_record_free (record);
}

TsRecord *
ts_lab_host_record (const TsLabHost *host, const TsLabVm *vm, const char *kind)
{
  TsRecord *record = ts_record_new (ts_lab_host_now_us (host), host->config->name, kind);
  if (vm)
    ts_record_text (record, "vm", vm->config->name);
  return ts_record_text (record, "host", host->config->name);
}

void
ts_lab_host_give_up (TsLabHost *host, const GError *reason)
{
  g_printerr ("twinsite host: %s\n", reason->message);
  if (host->control)
    ts_lab_control_send (host->control, "trouble", g_variant_new ("(s)", reason->message), NULL);
  host->status = 70;
  if (host->loop)
    g_main_loop_quit (host->loop);
}

TsLabRelation *
ts_lab_host_relation (const TsLabHost *host, const TsLabVm *vm)
{
  for (guint i = 0; i < host->relations->len; i++) {
    TsLabRelation *relation = host->relations->pdata[i];
    if (relation->vm == vm)
      return relation;
  }
  return NULL;
}

/* --- who connects ----------------------------------------------------------------------------- */

static void
caller_free (Caller *caller)
{
  caller->host->callers = g_list_remove (caller->host->callers, caller);
  ts_lab_timer_free (caller->timer);
  ts_lab_link_free (caller->link);
  g_free (caller);
}

static void
report_refused (TsLabHost *host, const char *peer, const char *reason)
{
  TsRecord *record = ts_lab_host_record (host, NULL, "refused");
  ts_record_text (record, "verb", "connect");
  ts_record_text (record, "peer", peer ? peer : "");
  ts_lab_host_report (host, ts_record_text (record, "reason", reason));
}

static void
caller_late (gpointer user)
{
  Caller *caller = user;
  if (!caller->refused)
    report_refused (caller->host, ts_lab_link_peer (caller->link),
                    "the peer did not say HELLO in time");
  caller_free (caller);
}

static void
caller_lost (TsLabLink *link, const GError *reason, gpointer user)
{
  Caller *caller = user;
  if (!caller->refused)
    report_refused (caller->host, ts_lab_link_peer (link), reason->message);
  caller_free (caller);
}

/* Says no, and stays long enough that it is heard. */
static void
refuse_caller (Caller *caller, TsRefusal refusal, const char *reason)
{
  report_refused (caller->host, ts_lab_link_peer (caller->link), reason);
  TsFrame frame = {.kind = TS_FRAME_REFUSE, .value = refusal};
  frame.payload = g_bytes_new (reason, strlen (reason));
  ts_lab_link_send (caller->link, &frame, FALSE);
  ts_frame_clear (&frame);
  caller->refused = TRUE;
  ts_lab_timer_set (caller->timer, ts_lab_host_now_us (caller->host) + GOODBYE_US);
}

static TsLabVm *
vm_by_id (const TsLabHost *host, const TsGuid *id)
{
  for (guint i = 0; i < host->vms->len; i++) {
    TsLabVm *vm = host->vms->pdata[i];
    if (ts_guid_equal (&vm->config->id, id))
      return vm;
  }
  return NULL;
}

/* Authentic, not authorized: not one byte, not even why; the journal says so. */
static gboolean
is_authorized (TsLabHost *host, const char *peer)
{
  g_autoptr (GError) error = NULL;
  TsGrant grant;
  if (ts_authorization_admit (host->config->authorization, peer, &grant, &error))
    return TRUE;
  report_refused (host, peer, error->message);
  return FALSE;
}

static void
caller_frame (TsLabLink *link, TsFrame *frame, gpointer user)
{
  Caller *caller = user;
  TsLabHost *host = caller->host;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) none = g_bytes_new_static ("", 0);
  TsHello hello;
  if (caller->refused)
    return;
  if (frame->kind == TS_FRAME_MESSAGE) { /* of another host of this cloud: a VM that moves */
    if (ts_lab_move_adopt (host, link, frame))
      caller->link = NULL;
    else
      report_refused (host, ts_lab_link_peer (link), "no virtual machine is moved to here by that peer");
    caller_free (caller);
    return;
  }
  if (!is_authorized (host, ts_lab_link_peer (link))) { /* a host of this cloud may say the other only */
    caller_free (caller);
    return;
  }
  if (frame->kind != TS_FRAME_HELLO) {
    refuse_caller (caller, TS_REFUSE_STATE, "the first frame of a connection is HELLO");
    return;
  }
  if (!ts_hello_unpack (frame->payload ? frame->payload : none, &hello, &error)) {
    refuse_caller (caller, TS_REFUSE_VERSION, error->message);
    return;
  }
  TsLabVm *vm = vm_by_id (host, &hello.vm);
  TsLabRelation *relation = vm ? ts_lab_host_relation (host, vm) : NULL;
  if (!vm || hello.disks != vm->config->disks) {
    refuse_caller (caller, TS_REFUSE_STATE, "this host has no place for that virtual machine");
    return;
  }
  if (relation && relation->sender) {
    refuse_caller (caller, TS_REFUSE_STATE, "this host is the virtual machine's primary");
    return;
  }
  TsGrant grant;
  if (!ts_lab_vm_admit (vm, ts_lab_link_peer (link), &grant, &error)) {
    refuse_caller (caller, TS_REFUSE_STATE, error->message);
    return;
  }
  if (*ts_lab_move_went_to (vm->move) != '\0' && !relation) {
    refuse_caller (caller, TS_REFUSE_MOVED, ts_lab_move_went_to (vm->move));
    return;
  }
  if (ts_lab_move_forbids (vm->move)) { /* on its way, one way or the other: soon it is known where */
    refuse_caller (caller, TS_REFUSE_PAUSED, "the replica is being moved to another host");
    return;
  }
  if (ts_lab_extended_goes_on (vm)) {
    refuse_caller (caller, TS_REFUSE_STATE, TS_EXTEND_GOES_ON);
    return;
  }
  if (!relation && !ts_hello_is_fresh (frame->value)) {
    refuse_caller (caller, TS_REFUSE_STATE, "there is no replica of that virtual machine here");
    return;
  }
  if (!relation) {
    if (ts_lab_vm_own (vm, ts_lab_link_peer (link), &grant, &error))
      relation = ts_lab_relation_new_receiver (vm, &error);
    if (!relation) {
      refuse_caller (caller, TS_REFUSE_STORAGE, error->message);
      return;
    }
    g_ptr_array_add (host->relations, relation);
  } else if (vm->owner && !g_str_equal (vm->owner, ts_lab_link_peer (link)) && /* its primary has moved (1.3) */
             !ts_lab_vm_own (vm, ts_lab_link_peer (link), &grant, &error)) {
    refuse_caller (caller, TS_REFUSE_STORAGE, error->message);
    return;
  }
  ts_lab_relation_adopt (relation, g_steal_pointer (&caller->link), frame);
  caller_free (caller);
}

static void
accepted (TsLabListener *listener, TsLabLink *link, const char *peer, gpointer user)
{
  static const TsLabLinkEvents events = {NULL, caller_frame, caller_lost};
  TsLabHost *host = user;
  const TsLabPeer *known = ts_lab_host_config_peer (host->config, peer);
  if (!(known && known->same_cloud) && !is_authorized (host, peer)) {
    ts_lab_link_free (link);
    return;
  }
  Caller *caller = g_new0 (Caller, 1);
  caller->host = host;
  caller->link = link;
  caller->timer = ts_lab_timer_new (&host->clock, caller_late, caller);
  ts_lab_timer_set (caller->timer, ts_lab_host_now_us (host) + HELLO_US);
  host->callers = g_list_prepend (host->callers, caller);
  ts_lab_link_set_events (link, &events, caller);
}

static void
turned_away (TsLabListener *listener, const GError *reason, gpointer user)
{
  report_refused (user, NULL, reason->message);
}

/* --- what the runner orders ------------------------------------------------------------------- */

static TsLabVm *
vm_by_name (const TsLabHost *host, const char *name)
{
  for (guint i = 0; i < host->vms->len; i++) {
    TsLabVm *vm = host->vms->pdata[i];
    if (g_str_equal (vm->config->name, name))
      return vm;
  }
  return NULL;
}

static void
refuse_ask (TsLabHost *host, TsLabVm *vm, TsAsk ask, TsState state, const char *reason)
{
  TsRecord *record = ts_lab_host_record (host, vm, "refused");
  ts_record_text (record, "verb", ts_ask_name (ask));
  ts_record_int (record, "code", TS_CODE_INVALID_STATE);
  ts_record_text (record, "state", ts_state_name (state));
  ts_lab_host_report (host, ts_record_text (record, "reason", reason));
}

static void
order_relate (TsLabHost *host, GVariant *body)
{
  const char *vm_name, *peer_name;
  TsPolicy policy;
  g_autoptr (GVariant) packed = NULL;
  g_autoptr (GError) error = NULL;
  g_variant_get (body, "(&s&s@" TS_POLICY_TYPE ")", &vm_name, &peer_name, &packed);
  gboolean valid = ts_policy_unpack (packed, &policy, &error);
  TsLabVm *vm = vm_by_name (host, vm_name);
  const TsLabPeer *peer = ts_lab_host_config_peer (host->config, peer_name);
  if (!vm)
    return;
  TsLabRelation *relation = ts_lab_host_relation (host, vm);
  if (relation) { /* the verb that follows is judged by its state */
    TsEvent moved = {.now_us = ts_lab_host_now_us (host), .kind = TS_EVENT_PEER, .peer = {.name = peer_name}};
    if (relation->sender && peer && relation->peer != peer)
      ts_lab_relation_step (relation, &moved);
    if (relation->receiver && peer && *peer->address && valid) {
      relation->peer = peer; /* of a reversal */
      relation->policy = policy;
    }
    return;
  }
  g_autofree char *why = valid && vm->base ? ts_lab_extend_refusal (vm, &policy) : NULL;
  if (!valid) {
    /* error says it */
  } else if (why)
    ts_throw (&error, TS_ERROR_STATE, "%s", why);
  else if (!peer || !*peer->address)
    ts_throw (&error, TS_ERROR_ARGUMENT, "there is no link to host '%s'", peer_name);
  else if (policy.authentication == TS_AUTH_KERBEROS && !host->kerberos.principal)
    /* never over another protection than the one that was asked for */
    ts_throw (&error, TS_ERROR_UNAVAILABLE, "authentication: there is no Kerberos realm here");
  else
    relation = ts_lab_relation_new_sender (vm, peer, &policy, &error);
  if (relation) {
    g_ptr_array_add (host->relations, relation);
    ts_lab_extended_tell (vm, TRUE);
  } else
    refuse_ask (host, vm, TS_ASK_ENABLE, TS_STATE_DISABLED, error->message);
}

static void
order_ask (TsLabHost *host, GVariant *body)
{
  const char *name;
  guint32 role, ask, how;
  gboolean planned;
  TsPointChoice point;
  guint32 method;
  TsInitialChoice initial;
  g_variant_get (body, "(&suubuxux)", &name, &role, &ask, &planned, &how, &point.number, &method,
                 &initial.in_us);
  initial.method = (TsInitial)method;
  TsLabVm *vm = vm_by_name (host, name);
  if (!vm || ask >= TS_ASK_COUNT || how > TS_CHOOSE_SET)
    return;
  point.how = how;
  TsLabRelation *relation = ts_lab_host_relation (host, vm);
  /* Reversing is asked of both sides, and again of one that has done its part. */
  if (!relation || ((guint32)ts_lab_relation_role (relation) != role && ask != TS_ASK_REVERSE)) {
    refuse_ask (host, vm, (TsAsk)ask, TS_STATE_DISABLED,
                "replication is not enabled for this virtual machine here");
    return;
  }
  ts_lab_relation_ask (relation, (TsAsk)ask, planned, &point, &initial);
}

/* What is asked of one side about the VM's disks. */
static void
order_disks (TsLabHost *host, GVariant *body)
{
  const char *name;
  guint32 role, ask;
  TsDiskChange disks;
  g_variant_get (body, "(&suuuut)", &name, &role, &ask, &disks.replicated, &disks.disk,
                 &disks.size_bytes);
  TsLabVm *vm = vm_by_name (host, name);
  if (!vm || ask >= TS_ASK_COUNT)
    return;
  TsLabRelation *relation = ts_lab_host_relation (host, vm);
  if (!relation || (guint32)ts_lab_relation_role (relation) != role)
    refuse_ask (host, vm, (TsAsk)ask, TS_STATE_DISABLED,
                "replication is not enabled for this virtual machine here");
  else
    ts_lab_relation_ask_disks (relation, (TsAsk)ask, &disks);
}

/* What is asked of one side, or of a machine that is not replicated. */
static void
order_move (TsLabHost *host, GVariant *body)
{
  static const TsPointChoice point;
  static const TsInitialChoice initial;
  const char *name, *to;
  guint32 role;
  g_variant_get (body, "(&su&s)", &name, &role, &to);
  TsLabVm *vm = vm_by_name (host, name);
  if (!vm)
    return;
  TsLabRelation *relation = ts_lab_host_relation (host, vm);
  TsState state = relation ? ts_lab_relation_state (relation) : TS_STATE_DISABLED;
  g_autofree char *why = ts_lab_move_why_not (vm->move, to);
  if (!why && (relation ? (guint32)ts_lab_relation_role (relation) != role : role != TS_ROLE_PRIMARY))
    why = g_strdup ("the virtual machine has not that part here");
  if (why) {
    refuse_ask (host, vm, TS_ASK_MOVE, state, why);
    return;
  }
  if (!relation) {
    ts_lab_move_begin (vm->move, to);
    return;
  }
  g_free (relation->move_to);
  relation->move_to = g_strdup (to);
  ts_lab_relation_ask (relation, TS_ASK_MOVE, FALSE, &point, &initial);
}

typedef struct {
  TsLabVm *vm;
  guint disk;
  GError *error;
} Attach;

static void
attach (gpointer data)
{
  Attach *attached = data;
  ts_lab_vm_attach (attached->vm, attached->disk, &attached->error);
}

static void
attach_done (gpointer data)
{
  Attach *attached = data;
  TsLabHost *host = attached->vm->host;
  TsRecord *record =
      ts_lab_host_record (host, attached->vm, attached->error ? "failure" : "attached");
  if (attached->error)
    ts_record_text (ts_record_text (record, "action", "attach"), "reason", attached->error->message);
  else
    ts_record_text (record, "disk", attached->vm->config->disk[attached->disk].name);
  ts_lab_host_report (host, record);
}

static void
attach_drop (gpointer data)
{
  Attach *attached = data;
  g_clear_error (&attached->error);
  g_free (attached);
}

static void
order_attach (TsLabHost *host, GVariant *body)
{
  const char *name;
  guint32 disk;
  g_variant_get (body, "(&su)", &name, &disk);
  TsLabVm *vm = vm_by_name (host, name);
  if (!vm || disk >= vm->config->disks)
    return;
  Attach *attached = g_new0 (Attach, 1);
  attached->vm = vm;
  attached->disk = disk;
  ts_lab_worker_push (vm->worker, attach, attach_done, attach_drop, attached);
}

static void
order_frozen (TsLabHost *host, GVariant *body)
{
  const char *name, *reason;
  guint64 number;
  gboolean ok;
  g_variant_get (body, "(&stb&s)", &name, &number, &ok, &reason);
  TsLabVm *vm = vm_by_name (host, name);
  TsLabRelation *relation = vm ? ts_lab_host_relation (host, vm) : NULL;
  if (relation && relation->sender)
    ts_lab_source_frozen (relation, number, ok, reason);
}

static void
order_ping (TsLabHost *host, GVariant *body)
{
  const char *name;
  gboolean test;
  guint64 number;
  g_variant_get (body, "(&sbt)", &name, &test, &number);
  TsLabVm *vm = vm_by_name (host, name);
  if (vm)
    ts_lab_vm_ping (vm, test, number);
}

/* Start-VM at home. */
static void
order_boot (TsLabHost *host, GVariant *body)
{
  const char *name;
  g_variant_get (body, "(&s)", &name);
  TsLabVm *vm = vm_by_name (host, name);
  if (!vm || vm->on)
    return;
  TsLabRelation *relation = ts_lab_host_relation (host, vm);
  if (ts_lab_move_forbids (vm->move)) {
    refuse_ask (host, vm, TS_ASK_POWER_ON, TS_STATE_DISABLED, "it is another host's now, or on its way");
    return;
  }
  if (vm->base) {
    refuse_ask (host, vm, TS_ASK_POWER_ON, TS_STATE_DISABLED, "it is no machine of its own");
    return;
  }
  TsState state = relation ? ts_lab_relation_state (relation) : TS_STATE_DISABLED;
  if (relation && !ts_state_allows (state, ts_lab_relation_role (relation), TS_ASK_POWER_ON)) {
    refuse_ask (host, vm, TS_ASK_POWER_ON, state,
                "the virtual machine cannot be started in this replication state");
    return;
  }
  ts_lab_vm_boot (vm);
}

static void
order_shut_down (TsLabHost *host, GVariant *body)
{
  const char *name;
  g_variant_get (body, "(&s)", &name);
  TsLabVm *vm = vm_by_name (host, name);
  if (!vm)
    return;
  if (vm->on) {
    ts_lab_vm_expect_off (vm);
    return;
  }
  /* Who waits for it hears what he waits for. */
  TsRecord *record = ts_record_bool (ts_lab_host_record (host, vm, "power"), "on", FALSE);
  ts_lab_host_report (host, ts_record_text (record, "why", "shutdown"));
}

/* A fault (core/seam/death.h): SIGKILL at the n-th action of a kind from now on. */
static void
order_die_at (TsLabHost *host, GVariant *body)
{
  guint32 action, moment;
  TsDeath death = {.armed = TRUE};
  g_variant_get (body, "(uuu)", &action, &moment, &death.count);
  if (action >= TS_ACTION_KINDS || moment >= TS_DEATH_MOMENTS)
    return;
  death.action = (TsActionKind)action;
  death.moment = (TsDeathMoment)moment;
  host->death = death;
}

/* What was told last of a VM's relation here, by an earlier life of this host. */
static void
order_told (TsLabHost *host, GVariant *body)
{
  const char *name;
  guint32 role, state;
  g_variant_get (body, "(&suu)", &name, &role, &state);
  TsLabVm *vm = vm_by_name (host, name);
  TsLabRelation *relation = vm ? ts_lab_host_relation (host, vm) : NULL;
  if (relation && role <= TS_ROLE_REPLICA && state < TS_STATE_COUNT)
    ts_lab_relation_tell (relation, (TsRole)role, (TsState)state);
}

void
ts_lab_host_moment (TsLabHost *host, TsActionKind action, TsDeathMoment moment)
{
  if (G_UNLIKELY (ts_death_strikes (&host->death, action, moment)))
    kill (getpid (), SIGKILL);
}

void
ts_lab_host_obey (TsLabHost *host, const char *kind, GVariant *body)
{
  static const struct {
    const char *kind, *type;
    void (*obey) (TsLabHost *host, GVariant *body);
  } orders[] = {
      {"boot", "(s)", order_boot},
      {"relate", "(ss" TS_POLICY_TYPE ")", order_relate},
      {"ask", "(suubuxux)", order_ask},
      {"shut-down", "(s)", order_shut_down},
      {"frozen", "(stbs)", order_frozen},
      {"ping", "(sbt)", order_ping},
      {"disks", "(suuuut)", order_disks},
      {"attach", "(su)", order_attach},
      {"move", "(sus)", order_move},
  };
  for (guint i = 0; i < G_N_ELEMENTS (orders); i++)
    if (g_str_equal (orders[i].kind, kind) &&
        g_variant_is_of_type (body, G_VARIANT_TYPE (orders[i].type))) {
      orders[i].obey (host, body);
      return;
    }
  g_printerr ("twinsite host: an order that is none: %s %s\n", kind,
              g_variant_get_type_string (body));
}

static void
ordered (TsLabControl *control, const char *kind, GVariant *body, gpointer user)
{
  if (g_str_equal (kind, "die-at") && g_variant_is_of_type (body, G_VARIANT_TYPE ("(uuu)")))
    order_die_at (user, body); /* the runner's alone: no VMM server may order that */
  else if (g_str_equal (kind, "stop") && g_variant_is_of_type (body, G_VARIANT_TYPE_STRING_ARRAY))
    ts_lab_host_shut_down (user, body);
  else if (g_str_equal (kind, "told") && g_variant_is_of_type (body, G_VARIANT_TYPE ("(suu)")))
    order_told (user, body);
  else
    ts_lab_host_obey (user, kind, body);
}

static void
runner_gone (TsLabControl *control, gpointer user)
{
  TsLabHost *host = user;
  g_main_loop_quit (host->loop);
}

/* --- coming and going ------------------------------------------------------------------------- */

static gboolean
restore_relations (TsLabHost *host, GError **error)
{
  g_autofree char *folder = ts_lab_path_host (&host->layout, host->config->name, "state");
  if (g_mkdir_with_parents (folder, 0755) < 0)
    return ts_throw_errno (error, "make %s", folder);
  for (guint i = 0; i < host->vms->len; i++) /* of all: they say where disks lie, also those of others */
    if (!ts_lab_vm_recall_owner (host->vms->pdata[i], error))
      return FALSE;
  for (guint i = 0; i < host->vms->len; i++)
    if (!ts_lab_move_restore (((TsLabVm *)host->vms->pdata[i])->move, error))
      return FALSE;
  for (guint i = 0; i < host->vms->len; i++) {
    g_autoptr (GError) reason = NULL;
    if (ts_lab_move_forbids (((TsLabVm *)host->vms->pdata[i])->move)) /* it speaks for it no more */
      continue;
    TsLabRelation *relation = ts_lab_relation_restore (host->vms->pdata[i], &reason);
    if (reason) {
      g_propagate_error (error, g_steal_pointer (&reason));
      return FALSE;
    }
    if (relation)
      g_ptr_array_add (host->relations, relation);
  }
  ts_lab_extended_restored (host);
  return TRUE;
}

/* Listens on a port for each protection that there is (AllowedAuthenticationType 3: both). */
static gboolean
open_listeners (TsLabHost *host, GError **error)
{
  static const TsLabListenerEvents events = {accepted, turned_away};
  const TsLabHostConfig *config = host->config;
  host->credentials.ca = g_build_filename (config->certificates, "ca.pem", NULL);
  host->credentials.certificate = g_strdup_printf ("%s/%s.pem", config->certificates, config->name);
  host->credentials.key = g_strdup_printf ("%s/%s.key", config->certificates, config->name);
  g_autofree char *crl = g_build_filename (config->certificates, "ca.crl", NULL);
  if (!config->settings.skip_revocation && g_file_test (crl, G_FILE_TEST_EXISTS)) /* made when something is revoked */
    host->credentials.crl = g_steal_pointer (&crl);
  host->listener = ts_lab_listener_new ("0.0.0.0", config->port, &host->credentials, HANDSHAKE_US,
                                        &events, host, error);
  if (!host->listener || !*config->realm)
    return host->listener != NULL;
  g_autofree char *settings = ts_lab_realm_config (config->realm);
  g_setenv ("KRB5_CONFIG", settings, TRUE); /* before the library is asked for the first time */
  host->kerberos.principal = g_strdup_printf ("hvr/%s@" TS_LAB_REALM, config->name);
  host->kerberos.keytab = ts_lab_realm_keytab (config->realm, config->name);
  host->kerberos_listener = ts_lab_listener_new ("0.0.0.0", config->kerberos_port, &host->kerberos,
                                                 HANDSHAKE_US, &events, host, error);
  return host->kerberos_listener != NULL;
}

/* Behind ts_lab_host_own_run: in mounts of its own. */
static gboolean
own_store (const TsLabHost *host, GError **error)
{
  const TsLabHostConfig *config = host->config;
  g_autofree char *store = ts_lab_path_host (&host->layout, config->name, "spool");
  return config->log_store_bytes == 0 ||
         ts_lab_host_own_store (store, config->log_store_bytes, error);
}

static gboolean
start (TsLabHost *host, const char *folder, GError **error)
{
  static const TsLabControlEvents control_events = {ordered, runner_gone};
  g_autofree char *path = g_build_filename (folder, "config", NULL);
  g_autoptr (GError) reason = NULL;
  host->config = ts_lab_host_config_load (path, error);
  if (!host->config)
    return FALSE;
  const TsLabHostConfig *config = host->config;
  host->layout = ts_lab_host_config_layout (config);
  host->clock.origin_us = config->origin_us;

  g_autofree char *usual = ts_lab_path_control (&host->layout, config->index);
  int fd = ts_lab_control_connect (*config->control ? config->control : usual, error);
  if (fd < 0)
    return FALSE;
  host->control = ts_lab_control_new (fd, &control_events, host);
  const char *const ours[] = {config->sockets, config->run, config->cache, NULL};
  g_autofree char *root = ts_lab_path_hypervisor (&host->layout, config->index);
  if (*config->libvirt) { /* whose socket may lie below /run */
    host->hypervisor = ts_lab_hypervisor_open_remote (config->libvirt, config->prefix,
                                                      ts_lab_outer_network (), folder,
                                                      config->accel, error);
  } else if (ts_lab_host_own_run (ours, error) && own_store (host, error))
    host->hypervisor = ts_lab_hypervisor_open (root, config->cache, config->accel, error);
  if (!host->hypervisor)
    return FALSE;
  for (guint i = 0; i < config->vms->len; i++)
    g_ptr_array_add (host->vms, ts_lab_vm_new (host, i));
  ts_lab_extend_pair (host);
  if (!restore_relations (host, error) || !open_listeners (host, error))
    return FALSE;
  for (guint i = 0; i < host->vms->len; i++)
    ts_lab_move_resume (((TsLabVm *)host->vms->pdata[i])->move);
  g_autofree char *managed = g_build_filename (folder, "managed", NULL);
  TsLabManagedConfig *manager = ts_lab_managed_config_load (managed, &reason);
  if (reason) {
    g_propagate_error (error, g_steal_pointer (&reason));
    return FALSE;
  }
  host->managed = ts_lab_managed_new (host, manager);
  return ts_lab_control_send (host->control, "ready", g_variant_new ("(s)", config->name), error);
}

static void
stop (TsLabHost *host)
{
  ts_lab_managed_free (g_steal_pointer (&host->managed));
  ts_lab_listener_free (host->listener);
  ts_lab_listener_free (host->kerberos_listener);
  while (host->callers)
    caller_free (host->callers->data);
  g_ptr_array_unref (host->relations); /* and what they had asked for is done */
  for (guint i = 0; host->leaving && i < host->vms->len; i++)
    ts_lab_tracking_keep (host->vms->pdata[i]);
  ts_slots_free (host->slots);
  g_ptr_array_unref (host->vms);
  ts_lab_hypervisor_free (host->hypervisor);
  ts_lab_control_free (host->control);
  g_free (host->credentials.ca);
  g_free (host->credentials.certificate);
  g_free (host->credentials.key);
  g_free (host->credentials.crl);
  g_free (host->kerberos.principal);
  g_free (host->kerberos.keytab);
  ts_lab_host_config_free (host->config);
  g_main_loop_unref (host->loop);
}

/* Payloads are as long as what glibc maps anew for each by default, which costs more than all that is
 * done with them (a fault and a page of zeros every 4 KiB): keep them. */
static void
keep_memory (void)
{
  mallopt (M_MMAP_THRESHOLD, 8 * 1024 * 1024);
  mallopt (M_TRIM_THRESHOLD, 64 * 1024 * 1024);
  mallopt (M_TOP_PAD, 8 * 1024 * 1024);
}

int
ts_lab_host_main (int argc, char **argv)
{
  if (argc < 2) {
    g_printerr ("usage: twinsite host FOLDER\n");
    return 64;
  }
  TsLabHost host = {
      .vms = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_lab_vm_free),
      .relations = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_lab_relation_free),
      .slots = ts_slots_new (),
      .loop = g_main_loop_new (NULL, FALSE),
  };
  g_autoptr (GError) error = NULL;
  signal (SIGPIPE, SIG_IGN);
  keep_memory ();
  if (start (&host, argv[argc - 1], &error))
    g_main_loop_run (host.loop);
  else
    ts_lab_host_give_up (&host, error);
  int status = host.status;
  stop (&host);
  return status;
}
