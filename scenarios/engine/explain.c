/* scenarios/engine/explain.c -- a scenario in words. */
#include "core/base/ipv4.h"
#include "core/base/units.h"
#include "scenarios/engine/scenario.h"
#include "scenarios/engine/schema.h"

static const char *
vm_name (const TsScenario *scenario, gint vm)
{
  return ts_topology_vm (scenario->topology, (guint)vm)->name;
}

/* Of a machine, or of a recovery plan. */
static char *
whom (const TsScenario *scenario, const TsOrder *order)
{
  const TsPlanSpec *plan =
      order->plan > 0 ? scenario->topology->management->plans->pdata[order->plan - 1] : NULL;
  return plan != NULL ? g_strdup_printf ("plan %s", plan->name)
                      : g_strdup (order->vm >= 0 ? vm_name (scenario, order->vm) : "");
}

static const char *
disk_name (const TsScenario *scenario, const TsOrder *order, guint disk)
{
  return ts_vm_spec_disk (ts_topology_vm (scenario->topology, (guint)order->vm), disk)->name;
}

static char *
initial_text (const TsInitialChoice *choice)
{
  GString *text = g_string_new (NULL);
  if (choice->method == TS_INITIAL_NETWORK)
    g_string_append (text, ", first copy over the network");
  else if (choice->method == TS_INITIAL_EXPORT)
    g_string_append (text, ", first copy on a medium");
  else if (choice->method == TS_INITIAL_SEEDED)
    g_string_append (text, ", first copy from what is there");
  g_autofree char *in = ts_format_duration (choice->in_us);
  if (choice->in_us > 0)
    g_string_append_printf (text, ", begun %s later", in);
  return g_string_free (text, FALSE);
}

static const char *
host_name (const TsScenario *scenario, gint host)
{
  return ts_topology_host (scenario->topology, (guint)host)->name;
}

static char *
order_text (const TsScenario *scenario, const TsOrder *order)
{
  const TsTopology *topology = scenario->topology;
  g_autofree char *choice = ts_point_choice_text (&order->point);
  g_autofree char *initial = initial_text (&order->initial);
  g_autofree char *point = order->point.how == TS_CHOOSE_LATEST
                               ? g_strdup ("")
                               : g_strdup_printf (" to point %s", choice);
  const char *damaged = order->damaged ? ", damaged on the way" : "";
  g_autofree char *who = whom (scenario, order);
  const TsManagement *management = topology->management;
  const char *vmm =
      order->vmm > 0 ? ((TsVmmSpec *)management->vmms->pdata[order->vmm - 1])->name : "";
  switch (order->verb) {
  case TS_DO_CONFIRM:
    return g_strdup_printf ("confirm the manual action of %s", who);
  case TS_DO_VAULT_DOWN:
    return g_strdup ("the vault is killed");
  case TS_DO_VAULT_UP:
    return g_strdup ("the vault comes back");
  case TS_DO_VMM_DOWN:
    return g_strdup_printf ("VMM server %s is killed", vmm);
  case TS_DO_VMM_UP:
    return g_strdup_printf ("VMM server %s comes back", vmm);
  case TS_DO_PROTECT:
    if (order->host < 0)
      return g_strdup_printf ("protect %s by policy %s", who,
                              ts_topology_policy (topology, (guint)order->policy)->name);
    return g_strdup_printf ("protect %s by policy %s, replica on %s%s",
                            vm_name (scenario, order->vm),
                            ts_topology_policy (topology, (guint)order->policy)->name,
                            ts_topology_host (topology, (guint)order->host)->name, initial);
  case TS_DO_START_INITIAL:
    return g_strdup_printf ("start the initial replication of %s%s", vm_name (scenario, order->vm),
                            initial);
  case TS_DO_CANCEL_INITIAL:
    return g_strdup_printf ("cancel the initial replication of %s", vm_name (scenario, order->vm));
  case TS_DO_IMPORT:
    return order->medium_of < 0 || order->medium_of == order->vm
               ? g_strdup_printf ("import the medium of %s%s", vm_name (scenario, order->vm), damaged)
               : g_strdup_printf ("import the medium of %s for %s%s",
                                  vm_name (scenario, order->medium_of),
                                  vm_name (scenario, order->vm), damaged);
  case TS_DO_FAILOVER:
    return g_strdup_printf ("%s failover of %s%s", order->planned ? "planned" : "unplanned",
                            who, point);
  case TS_DO_COMMIT:
    return g_strdup_printf ("commit the failover of %s", who);
  case TS_DO_TEST_FAILOVER:
    return g_strdup_printf ("test failover of %s%s", who, point);
  case TS_DO_CHANGE_POINT:
    return g_strdup_printf ("change the recovery point of %s%s", vm_name (scenario, order->vm),
                            point);
  case TS_DO_STOP_TEST_FAILOVER:
    return g_strdup_printf ("stop the test failover of %s", who);
  case TS_DO_CANCEL_FAILOVER:
    return g_strdup_printf ("cancel the failover of %s", who);
  case TS_DO_REVERSE:
    return g_strdup_printf ("reverse the replication of %s", who);
  case TS_DO_REMOVE:
    return g_strdup_printf ("remove the replication of %s%s", vm_name (scenario, order->vm),
                            order->sides == TS_SIDES_PRIMARY   ? " on its primary"
                            : order->sides == TS_SIDES_REPLICA ? " on its replica"
                                                               : "");
  case TS_DO_POWER_ON:
    return g_strdup_printf ("start %s", vm_name (scenario, order->vm));
  case TS_DO_POWER_OFF:
    return g_strdup_printf ("shut %s down", vm_name (scenario, order->vm));
  case TS_DO_PAUSE:
    return g_strdup_printf ("pause the replication of %s", vm_name (scenario, order->vm));
  case TS_DO_RESUME:
    return g_strdup_printf ("resume the replication of %s", vm_name (scenario, order->vm));
  case TS_DO_RESYNC:
    return g_strdup_printf ("resynchronize %s", vm_name (scenario, order->vm));
  case TS_DO_CANCEL_RESYNC:
    return g_strdup_printf ("cancel the resynchronization of %s", vm_name (scenario, order->vm));
  case TS_DO_MOVE:
    return g_strdup_printf ("move %s%s to host %s", vm_name (scenario, order->vm),
                            order->sides == TS_SIDES_REPLICA ? "'s replica" : "",
                            host_name (scenario, order->host));
  case TS_DO_CONTINUE:
    return g_strdup_printf ("go on with the copy of %s as the primary of its extended relation",
                            vm_name (scenario, order->vm));
  case TS_DO_RESIZE_DISK: {
    g_autofree char *bytes = ts_format_size (order->amount_bytes);
    return g_strdup_printf ("resize disk %s of %s to %s%s", disk_name (scenario, order, order->disk),
                            vm_name (scenario, order->vm), bytes,
                            order->sides == TS_SIDES_PRIMARY   ? " on its primary"
                            : order->sides == TS_SIDES_REPLICA ? " on its replica"
                                                               : " on both sides");
  }
  case TS_DO_REPLICATE_DISKS: {
    g_autoptr (GString) names = g_string_new (NULL);
    for (guint i = 0; i < 16; i++)
      if (order->disks >> i & 1)
        g_string_append_printf (names, "%s%s", names->len > 0 ? ", " : "",
                                disk_name (scenario, order, i));
    return g_strdup_printf ("replicate of %s the disks %s", vm_name (scenario, order->vm),
                            names->str);
  }
  case TS_DO_ATTACH_DISK:
    return g_strdup_printf ("attach disk %s to %s", disk_name (scenario, order, order->disk),
                            vm_name (scenario, order->vm));
  case TS_DO_RESET_STATISTICS:
    return g_strdup_printf ("reset the replication statistics of %s",
                            vm_name (scenario, order->vm));
  case TS_DO_WORKLOAD_START:
    return g_strdup_printf ("start the workload of %s", vm_name (scenario, order->vm));
  case TS_DO_WORKLOAD_STOP:
    return g_strdup_printf ("stop the workload of %s", vm_name (scenario, order->vm));
  case TS_DO_COMPARE:
    return g_strdup_printf ("compare both sides' disks of %s", vm_name (scenario, order->vm));
  case TS_DO_LINK: {
    const char *link = ts_topology_link (topology, (guint)order->link)->name;
    static const char *const does[TS_LINK_MODES] = {"works again", "becomes a black hole",
                                                    "tears down every connection"};
    return g_strdup_printf ("link %s %s", link, does[order->link_mode]);
  }
  case TS_DO_EDIT_DISK: {
    g_autofree char *bytes = ts_format_size (order->amount_bytes);
    return g_strdup_printf ("%s of the disks of %s on %s are changed", bytes,
                            vm_name (scenario, order->vm),
                            ts_topology_host (topology, (guint)order->host)->name);
  }
  case TS_DO_KEEP_DISKS:
  case TS_DO_RESTORE_DISKS:
    return g_strdup_printf ("a copy of the disks of %s on %s is put %s",
                            vm_name (scenario, order->vm),
                            ts_topology_host (topology, (guint)order->host)->name,
                            order->verb == TS_DO_KEEP_DISKS ? "aside" : "back");
  case TS_DO_BACKUP:
    return g_strdup_printf ("back up the replica of %s", vm_name (scenario, order->vm));
  case TS_DO_END_BACKUP:
    return g_strdup_printf ("the backup of %s ends", vm_name (scenario, order->vm));
  case TS_DO_CORRUPT_LOG:
    return g_strdup_printf ("a log of %s on %s %s", vm_name (scenario, order->vm),
                            host_name (scenario, order->host),
                            order->log_fault == TS_LOG_ORDER ? "is made to follow another than it does"
                                                             : "is damaged");
  case TS_DO_DISK_FULL:
    return g_strdup_printf ("host %s has no room on its disk", host_name (scenario, order->host));
  case TS_DO_DISK_FREE:
    return g_strdup_printf ("host %s has room on its disk again", host_name (scenario, order->host));
  case TS_DO_HOST_CRASH:
    return g_strdup_printf ("host %s loses power", host_name (scenario, order->host));
  case TS_DO_HOST_UP:
    return g_strdup_printf ("host %s has power again", host_name (scenario, order->host));
  case TS_DO_HOST_REBOOT:
    return g_strdup_printf ("host %s is shut down and starts again",
                            host_name (scenario, order->host));
  case TS_DO_SITE_DOWN:
    return g_strdup_printf ("site %s loses power",
                            ts_topology_site (topology, (guint)order->site)->name);
  case TS_DO_SITE_UP:
    return g_strdup_printf ("site %s has power again",
                            ts_topology_site (topology, (guint)order->site)->name);
  case TS_DO_COUNT:
  default:
    g_assert_not_reached ();
  }
}

char *
ts_step_text (const TsScenario *scenario, const TsStep *step)
{
  if (step->kind == TS_STEP_DO)
    return order_text (scenario, &step->order);
  g_autofree char *predicate = ts_predicate_text (&step->predicate, scenario->topology);
  return g_strdup_printf ("%s %s", step->kind == TS_STEP_WAIT ? "wait until" : "check that",
                          predicate);
}

/* What is not as it is by default. */
static void
explain_settings (const TsHostSettings *s, GString *out)
{
  TsHostSettings usual;
  ts_host_settings_init (&usual);
  if (s->transfers_max != usual.transfers_max)
    g_string_append_printf (out, "      %u of its machines may send at once\n", s->transfers_max);
  guint lanes = ts_host_settings_apply_lanes (s, G_MAXUINT);
  if (lanes != TS_APPLY_DISKS_DEFAULT)
    g_string_append_printf (out, "      applies %u disks of a machine at once\n", lanes);
  if (s->apply_vms_max)
    g_string_append_printf (out, "      applies %u machines of one server at once\n",
                            s->apply_vms_max);
  if (s->skip_revocation)
    g_string_append (out, "      does not ask whether a certificate was revoked\n");
  if (!s->stop_suspends)
    g_string_append (out, "      goes on replicating by itself after it was shut down\n");
  if (s->monitoring_us != usual.monitoring_us)
    g_string_append_printf (out, "      tells its statistics every %" G_GINT64_FORMAT " h\n",
                            s->monitoring_us / TS_HOUR);
}

static void
explain_entries (const TsHostSpec *host, GString *out)
{
  if (host->entries != NULL && host->entries->len == 0)
    g_string_append (out, "      nobody may replicate to it\n");
  for (guint i = 0; host->entries != NULL && i < host->entries->len; i++) {
    const TsEntrySpec *entry = host->entries->pdata[i];
    g_string_append_printf (out, "      %s may replicate to it, trust group %s", entry->server,
                            entry->trust_group);
    if (entry->storage != NULL)
      g_string_append_printf (out, ", into place %s", entry->storage);
    g_string_append_c (out, '\n');
  }
}

/* How a machine of the user's own is reached, and asked whether it serves. */
static void
explain_image (const TsImageSpec *image, GString *out)
{
  char address[TS_IPV4_TEXT_SIZE], other[TS_IPV4_TEXT_SIZE];
  if (image->uefi)
    g_string_append (out, "        boots by UEFI\n");
  if (image->nic != NULL) {
    ts_ipv4_format (image->nic->address, address);
    ts_ipv4_format (image->nic->copy_address, other);
    g_string_append_printf (out, "        network card %s, address %s/%u, as a copy %s%s; %s\n",
                            image->nic->e1000 ? "e1000" : "virtio", address, image->nic->prefix,
                            other, image->nic->copy_connected ? "" : " (not connected)",
                            image->nic->test_isolated ? "isolated in a test failover"
                                                      : "not connected in a test failover");
  }
  if (image->agent)
    g_string_append (out, "        QEMU's guest agent freezes it for application-consistent points\n");
  if (image->probe == TS_PROBE_TCP)
    g_string_append_printf (out, "        it serves when its port %u takes connections\n",
                            image->port);
  else if (image->probe == TS_PROBE_AGENT)
    g_string_append (out, "        it serves when its guest agent answers\n");
  else if (image->ready != NULL)
    g_string_append_printf (out, "        it serves when its console says \"%s\"\n", image->ready);
}

static void
explain_topology (const TsScenario *scenario, GString *out)
{
  const TsTopology *topology = scenario->topology;
  for (guint s = 0; s < topology->sites->len; s++) {
    g_string_append_printf (out, "  site %s\n", ts_topology_site (topology, s)->name);
    for (guint h = 0; h < topology->hosts->len; h++) {
      if (ts_topology_host (topology, h)->site != s)
        continue;
      const TsHostSpec *host = ts_topology_host (topology, h);
      g_string_append_printf (out, "    host %s\n", host->name);
      if (host->libvirt != NULL)
        g_string_append_printf (out, "      in the lab its machines run at %s, store %s\n",
                                host->libvirt, host->store);
      explain_settings (&host->settings, out);
      explain_entries (ts_topology_host (topology, h), out);
      for (guint v = 0; v < topology->vms->len; v++) {
        const TsVmSpec *vm = ts_topology_vm (topology, v);
        if (vm->host != h)
          continue;
        g_autofree char *memory = ts_format_size (vm->memory_bytes);
        g_string_append_printf (out, "      VM %s, %s of memory\n", vm->name, memory);
        if (vm->image != NULL)
          g_string_append_printf (out, "        a machine of your own: begins as a copy of %s\n",
                                  vm->image->file);
        if (vm->image != NULL)
          explain_image (vm->image, out);
        for (guint d = 0; d < vm->disks->len; d++) {
          const TsDiskSpec *disk = ts_vm_spec_disk (vm, d);
          g_autofree char *size = ts_format_size (disk->size_bytes);
          g_autofree char *fill = ts_format_size (disk->fill_bytes);
          g_string_append_printf (out, "        disk %s, %s, the first %s filled\n", disk->name,
                                  size, fill);
        }
        const TsWorkloadSpec *workload = ts_topology_workload_of (topology, v);
        if (workload == NULL)
          continue;
        static const char *const kinds[] = {"append", "random", "hot"};
        g_autofree char *record = ts_format_size (workload->record_bytes);
        guint64 rate = workload->rate_per_megasecond;
        g_string_append_printf (
            out, "        workload %s: %s writes of %s, %" G_GUINT64_FORMAT ".%02u a second, ",
            workload->name, kinds[workload->kind], record, rate / 1000000,
            (guint)(rate % 1000000 / 10000));
        if (workload->flush_every > 0)
          g_string_append_printf (out, "a flush after every %u\n", workload->flush_every);
        else
          g_string_append (out, "never flushed\n");
      }
    }
  }
  for (guint l = 0; l < topology->links->len; l++) {
    const TsLinkSpec *link = ts_topology_link (topology, l);
    g_autofree char *rate = link->shape.rate_bits_per_s > 0
                                ? ts_format_rate (link->shape.rate_bits_per_s)
                                : g_strdup ("no limit of rate");
    g_autofree char *delay = ts_format_duration (link->shape.delay_us);
    g_string_append_printf (out, "  link %s: %s - %s, %s, %s each way", link->name,
                            ts_topology_site (topology, link->site[0])->name,
                            ts_topology_site (topology, link->site[1])->name, rate, delay);
    if (link->shape.jitter_us > 0) {
      g_autofree char *jitter = ts_format_duration (link->shape.jitter_us);
      g_string_append_printf (out, ", jitter up to %s", jitter);
    }
    if (link->shape.loss_ppm > 0)
      g_string_append_printf (out, ", loses %u of a million packets", link->shape.loss_ppm);
    g_string_append_c (out, '\n');
  }
  for (guint p = 0; p < topology->policies->len; p++) {
    const TsPolicySpec *spec = ts_topology_policy (topology, p);
    g_autofree char *frequency = ts_format_duration (spec->policy.frequency_us);
    g_string_append_printf (
        out, "  policy %s: a cycle every %s, %s, compression %s\n", spec->name, frequency,
        spec->policy.authentication == TS_AUTH_KERBEROS ? "Kerberos" : "certificates",
        spec->policy.compression ? "on" : "off");
    if (spec->policy.initial != TS_INITIAL_NETWORK || spec->policy.initial_at_us >= 0) {
      TsInitialChoice first = {.method = spec->policy.initial};
      g_autofree char *text = initial_text (&first);
      g_string_append_printf (out, "    %s", text + 2);
      if (spec->policy.initial_at_us >= 0)
        g_string_append_printf (out, ", begun at %02u:%02u",
                                (guint)(spec->policy.initial_at_us / TS_HOUR),
                                (guint)(spec->policy.initial_at_us % TS_HOUR / TS_MIN));
      g_string_append_c (out, '\n');
    }
    if (spec->policy.recovery_points > 0) {
      g_autofree char *every = ts_format_duration (spec->policy.app_consistent_us);
      g_string_append_printf (out, "    %u hourly recovery points beside the latest%s%s\n",
                              spec->policy.recovery_points,
                              spec->policy.app_consistent_us > 0 ? ", application-consistent every "
                                                                 : "",
                              spec->policy.app_consistent_us > 0 ? every : "");
    }
  }
}

static void
explain_plan (const TsScenario *scenario, const TsPlanSpec *plan, GString *out)
{
  g_string_append_printf (out, "  plan %s\n", plan->name);
  for (guint g = 0; g < plan->groups->len; g++) {
    const TsGroupSpec *group = plan->groups->pdata[g];
    g_string_append_printf (out, "    group %u:", g + 1);
    for (guint v = 0; v < group->vms->len; v++)
      g_string_append_printf (out, " %s", vm_name (scenario, (gint)g_array_index (group->vms, guint, v)));
    g_string_append_c (out, '\n');
    const GPtrArray *actions[] = {group->before, group->after};
    for (guint a = 0; a < 2; a++)
      for (guint i = 0; i < actions[a]->len; i++) {
        const TsActionSpec *action = actions[a]->pdata[i];
        g_string_append_printf (out, "      %s it: %s%s\n", a == 0 ? "before" : "after", action->name,
                                action->script < 0 ? ", by people" : "");
      }
  }
}

static void
explain_management (const TsScenario *scenario, GString *out)
{
  const TsTopology *topology = scenario->topology;
  const TsManagement *management = topology->management;
  if (management == NULL)
    return;
  g_string_append_printf (out, "  vault at %s\n", ts_topology_site (topology, management->site)->name);
  for (guint v = 0; v < management->vmms->len; v++) {
    const TsVmmSpec *vmm = management->vmms->pdata[v];
    g_string_append_printf (out, "  VMM server %s at %s\n", vmm->name,
                            ts_topology_site (topology, vmm->site)->name);
    for (guint c = 0; c < management->clouds->len; c++) {
      const TsCloudSpec *cloud = management->clouds->pdata[c];
      if (cloud->vmm != v)
        continue;
      g_string_append_printf (out, "    cloud %s:", cloud->name);
      for (guint h = 0; h < cloud->hosts->len; h++)
        g_string_append_printf (out, " %s", ts_topology_host (topology, g_array_index (cloud->hosts, guint, h))->name);
      if (cloud->to >= 0)
        g_string_append_printf (out, "; paired with %s by policy %s",
                                ((TsCloudSpec *)management->clouds->pdata[cloud->to])->name,
                                ts_topology_policy (topology, (guint)cloud->policy)->name);
      g_string_append_c (out, '\n');
    }
  }
  for (guint p = 0; p < management->plans->len; p++)
    explain_plan (scenario, management->plans->pdata[p], out);
}

static void
explain_steps (const TsScenario *scenario, GString *out)
{
  for (guint i = 0; i < scenario->steps->len; i++) {
    const TsStep *step = ts_scenario_step (scenario, i);
    g_autofree char *text = ts_step_text (scenario, step);
    g_string_append_printf (out, "  %2u. %-16s %s", i + 1, step->id, text);
    if (step->at_us >= 0) {
      g_autofree char *at = ts_format_duration (step->at_us);
      g_string_append_printf (out, ", at %s", at);
    }
    if (step->after >= 0) {
      const char *other = ts_scenario_step (scenario, (guint)step->after)->id;
      g_autofree char *by = ts_format_duration (step->by_us);
      if (step->by_us > 0)
        g_string_append_printf (out, ", %s after %s", by, other);
      else
        g_string_append_printf (out, ", after %s", other);
    }
    if (step->within_us != TS_NEVER) {
      g_autofree char *within = ts_format_duration (step->within_us);
      g_string_append_printf (out, ", within %s", within);
    }
    if (step->expect_failed)
      g_string_append (out, "; this must fail");
    if (step->expect_refused)
      g_string_append (out, "; this must be refused");
    g_string_append_c (out, '\n');
  }
}

static void
explain_window (const TsWindow *window, GString *out)
{
  switch (window->kind) {
  case TS_WINDOW_ALWAYS:
    break;
  case TS_WINDOW_AT:
    g_string_append_printf (out, ", at %s", window->from);
    break;
  case TS_WINDOW_DURING:
    g_string_append_printf (out, ", from %s to %s", window->from, window->to);
    break;
  case TS_WINDOW_END:
    g_string_append (out, ", at the end");
    break;
  default:
    g_assert_not_reached ();
  }
}

static gboolean
holds_word (const GPtrArray *words, const char *word)
{
  for (guint i = 0; i < words->len; i++)
    if (g_str_equal (words->pdata[i], word))
      return TRUE;
  return FALSE;
}

static void
explain_expectations (const TsScenario *scenario, GString *out)
{
  const TsExpectations *expectations = scenario->expectations;
  for (guint i = 0; i < expectations->expectations->len; i++) {
    const TsExpectation *expectation = expectations->expectations->pdata[i];
    const TsMetric *metric = ts_metric_find (expectation->metric);
    g_string_append_printf (out, "  %-20s %s%s%s", expectation->id, expectation->metric,
                            expectation->vm != NULL ? " of " : "",
                            expectation->vm != NULL ? expectation->vm : "");
    if (expectation->min != NULL)
      g_string_append_printf (out, " >= %s", expectation->min);
    if (expectation->max != NULL)
      g_string_append_printf (out, " <= %s", expectation->max);
    if (expectation->equals != NULL)
      g_string_append_printf (out, " = %s", expectation->equals);
    if (expectation->within != NULL)
      g_string_append_printf (out, " (give or take %s)", expectation->within);
    explain_window (&expectation->window, out);
    if (holds_word (expectations->must_fail, expectation->id))
      g_string_append (out, "; this must not hold");
    g_string_append_printf (out, "\n  %-20s   %s\n", "", metric->help);
  }
}

char *
ts_scenario_explain (const TsScenario *scenario)
{
  GString *out = g_string_new (NULL);
  g_string_append_printf (out, "%s: %s\n", scenario->topology->name, scenario->title);
  g_autofree char *limit = ts_format_duration (scenario->run_limit_us);
  g_string_append_printf (out, "engines:%s%s; seed %" G_GUINT64_FORMAT "; at most %s",
                          scenario->engines & TS_ENGINE_SIM ? " sim" : "",
                          scenario->engines & TS_ENGINE_LAB ? " lab" : "", scenario->topology->seed,
                          limit);
  if (scenario->time_scale > 1)
    g_string_append_printf (out, "; the lab runs %u times as fast", scenario->time_scale);
  g_string_append (out, "\n\nwhat there is\n");
  explain_topology (scenario, out);
  explain_management (scenario, out);
  g_string_append (out, "\nwhat happens\n");
  explain_steps (scenario, out);
  if (scenario->settle_limit_us >= 0) {
    g_autofree char *settle = ts_format_duration (scenario->settle_limit_us);
    g_string_append_printf (
        out,
        "   then faults are healed, and every protected VM must be replicating, "
        "healthy and identical within %s\n",
        settle);
  }
  g_string_append (out, "\nwhat is expected\n");
  explain_expectations (scenario, out);
  for (guint i = 0; i < scenario->expectations->allow->len; i++)
    g_string_append_printf (out, "  invariant %s may be broken\n",
                            (const char *)scenario->expectations->allow->pdata[i]);
  const GPtrArray *published = scenario->expectations->published;
  if (published->len > 0)
    g_string_append (out, "\npublished figures that ours are shown beside\n");
  for (guint i = 0; i < published->len; i++) {
    const TsPublished *one = published->pdata[i];
    g_string_append_printf (out, "  %s: %s", one->what, one->theirs);
    if (one->metric != NULL)
      g_string_append_printf (out, " (%s%s%s%s%s)", one->metric, one->per != NULL ? " / " : "",
                              one->per != NULL ? one->per : "", one->vm != NULL ? " of " : "",
                              one->vm != NULL ? one->vm : "");
    g_string_append_printf (out, "\n      %s\n", one->source);
  }
  return g_string_free (out, FALSE);
}
