/* tests/sim-fixture.c -- see sim-fixture.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim-fixture.h"
#include "sim/world.h"

static char *
value_of (const TsField *field)
{
  return field->type == TS_FIELD_TEXT   ? g_strdup (field->text)
         : field->type == TS_FIELD_BOOL ? g_strdup (field->number ? "true" : "false")
                                        : g_strdup_printf ("%" G_GINT64_FORMAT, field->number);
}

static gboolean
matches (const TsRecord *record, const char *kind, const char *key, const char *value,
         const char *host)
{
  if (!g_str_equal (record->kind, kind))
    return FALSE;
  if (host && g_strcmp0 (ts_record_get_text (record, "host"), host) != 0)
    return FALSE;
  if (!key)
    return TRUE;
  const TsField *field = ts_record_field (record, key);
  if (!field)
    return FALSE;
  g_autofree char *have = value_of (field);
  return g_str_equal (have, value);
}

static void
heard (TsObserver *observer, const TsRecord *record)
{
  Fixture *f = (Fixture *)observer;
  g_ptr_array_add (f->records, ts_record_copy (record));
  if (f->wait_kind && matches (record, f->wait_kind, f->wait_key, f->wait_value, f->wait_host)) {
    f->wait_kind = NULL;
    observer->stop = TRUE;
  }
}

static void
ledgered (TsObserver *observer, const TsLedgerEntry *entry)
{
  Fixture *f = (Fixture *)observer;
  TsLedgerEntry kept = *entry;
  kept.vm = g_intern_string (entry->vm);
  kept.disk = g_intern_string (entry->disk);
  kept.copy = g_intern_string (entry->copy);
  g_array_append_val (f->ledger, kept);
}

Fixture *
fixture_new (void)
{
  Fixture *f = g_new0 (Fixture, 1);
  f->observer.record = heard;
  f->observer.ledger = ledgered;
  f->records = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_record_free);
  f->ledger = g_array_new (FALSE, FALSE, sizeof (TsLedgerEntry));
  f->ops = ts_sim_world_ops ();
  TsTopology *t = f->topology = ts_topology_new ();
  t->name = g_strdup ("fixture");
  t->seed = 1;
  ts_topology_add_site (t, "paris");
  ts_topology_add_site (t, "lyon");
  ts_topology_add_host (t, "hv-paris")->site = 0;
  ts_topology_add_host (t, "hv-lyon")->site = 1;
  TsVmSpec *vm = ts_topology_add_vm (t, "app");
  vm->host = 0;
  TsRandom random;
  ts_random_init (&random, t->seed, "vm/app");
  vm->id = ts_guid_draw (&random);
  TsDiskSpec *disk = ts_vm_spec_add_disk (vm, "system");
  disk->size_bytes = 8 * TS_MIB;
  disk->fill_bytes = 4 * TS_MIB;
  disk = ts_vm_spec_add_disk (vm, "data");
  disk->size_bytes = 4 * TS_MIB;
  TsWorkloadSpec *workload = ts_topology_add_workload (t, "orders");
  workload->vm = 0;
  guint both[] = {0, 1};
  g_array_append_vals (workload->disks, both, 2);
  workload->kind = TS_WORKLOAD_RANDOM;
  workload->record_bytes = 4096;
  workload->rate_per_megasecond = 10 * 1000000;
  workload->flush_every = 4;
  TsLinkSpec *link = ts_topology_add_link (t, "wan");
  link->site[0] = 0;
  link->site[1] = 1;
  link->shape.rate_bits_per_s = 50 * 1000 * 1000;
  link->shape.delay_us = 20 * TS_MS;
  ts_topology_add_policy (t, "gold")->policy.frequency_us = 30 * TS_S;
  return f;
}

void
fixture_begin (Fixture *f)
{
  TsWorldOptions options = {.limit_us = TS_HOUR, .bytes = !f->stamped};
  GError *error = NULL;
  f->world = f->ops->start (f->topology, &options, &f->observer, &error);
  assert_null (error);
}

void
fixture_free (Fixture *f)
{
  f->ops->free (f->world);
  ts_topology_free (f->topology);
  g_ptr_array_unref (f->records);
  g_array_unref (f->ledger);
  g_free (f);
}

static void
order (Fixture *f, TsOrder o)
{
  GError *error = NULL;
  o.step = "test";
  assert_true (f->ops->order (f->world, &o, &error));
  assert_null (error);
}

void
fixture_do (Fixture *f, TsVerb verb)
{
  order (f, (TsOrder){.verb = verb, .vm = 0, .policy = 0, .host = 1, .site = -1, .link = -1});
}

void
fixture_order (Fixture *f, TsOrder wanted)
{
  wanted.vm = 0;
  wanted.policy = 0;
  wanted.site = wanted.link = -1;
  order (f, wanted);
}

void
fixture_failover (Fixture *f, gboolean planned)
{
  order (f, (TsOrder){.verb = TS_DO_FAILOVER,
                      .vm = 0,
                      .planned = planned,
                      .policy = -1,
                      .host = -1,
                      .site = -1,
                      .link = -1});
}

void
fixture_link (Fixture *f, TsLinkMode mode)
{
  order (f, (TsOrder){.verb = TS_DO_LINK,
                      .vm = -1,
                      .policy = -1,
                      .host = -1,
                      .site = -1,
                      .link = 0,
                      .link_mode = mode});
}

void
fixture_site_down (Fixture *f, guint site)
{
  order (f, (TsOrder){.verb = TS_DO_SITE_DOWN,
                      .vm = -1,
                      .policy = -1,
                      .host = -1,
                      .site = (gint)site,
                      .link = -1});
}

void
fixture_site_up (Fixture *f, guint site)
{
  order (f, (TsOrder){.verb = TS_DO_SITE_UP,
                      .vm = -1,
                      .policy = -1,
                      .host = -1,
                      .site = (gint)site,
                      .link = -1});
}

void
fixture_run (Fixture *f, gint64 us)
{
  gint64 until_us = f->ops->now_us (f->world) + us;
  assert_true (f->ops->run_until (f->world, until_us, NULL));
}

void
fixture_wait (Fixture *f, gint64 us, const char *kind, const char *key, const char *value,
              const char *host)
{
  f->wait_kind = kind;
  f->wait_key = key;
  f->wait_value = value;
  f->wait_host = host;
  fixture_run (f, us);
  if (f->wait_kind) {
    for (guint i = f->records->len > 12 ? f->records->len - 12 : 0; i < f->records->len; i++) {
      g_autofree char *line = ts_record_to_json (g_ptr_array_index (f->records, i));
      print_message ("%s\n", line);
    }
    fail_msg ("no %s with %s=%s from %s", kind, key ? key : "-", value ? value : "-",
              host ? host : "anyone");
  }
}

const TsRecord *
fixture_last (Fixture *f, const char *kind, const char *key, const char *value, const char *host)
{
  for (guint i = f->records->len; i > 0; i--)
    if (matches (g_ptr_array_index (f->records, i - 1), kind, key, value, host))
      return g_ptr_array_index (f->records, i - 1);
  return NULL;
}

guint
fixture_count (Fixture *f, const char *kind, const char *key, const char *value, const char *host)
{
  guint count = 0;
  for (guint i = 0; i < f->records->len; i++)
    count += matches (g_ptr_array_index (f->records, i), kind, key, value, host) ? 1 : 0;
  return count;
}

void
fixture_expect_clean (Fixture *f)
{
  f->ops->finish (f->world, NULL);
  const TsRecord *breach = fixture_last (f, "invariant", "holds", "false", NULL);
  if (breach)
    fail_msg ("%s: %s", ts_record_get_text (breach, "name"), ts_record_get_text (breach, "detail"));
  assert_true (fixture_count (f, "invariant", "holds", "true", NULL) >= 6);
}

void
fixture_expect_trace (Fixture *f, gint64 from_us, const char *kinds, const char *want)
{
  g_auto (GStrv) wanted = g_strsplit (kinds, " ", -1);
  g_autoptr (GString) have = g_string_new ("");
  for (guint i = 0; i < f->records->len; i++) {
    const TsRecord *r = g_ptr_array_index (f->records, i);
    if (r->t_us < from_us || !g_strv_contains ((const char *const *)wanted, r->kind))
      continue;
    g_string_append_printf (have, "[%3" G_GINT64_FORMAT ".%03d] %s %s", r->t_us / TS_S,
                            (int)(r->t_us % TS_S / TS_MS), r->source, r->kind);
    for (guint k = 0; k < r->fields->len; k++) {
      const TsField *field = &g_array_index (r->fields, TsField, k);
      if (g_str_equal (field->key, "vm") || g_str_equal (field->key, "host"))
        continue;
      g_autofree char *value = value_of (field);
      g_string_append_printf (have, " %s=%s", field->key, value);
    }
    g_string_append_c (have, '\n');
  }
  if (!g_str_equal (have->str, want))
    fprintf (stderr, "--- have\n%s", have->str);
  assert_string_equal (have->str, want);
}

void
fixture_replicate (Fixture *f)
{
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  fixture_wait (f, TS_MIN, "cycle", "set", "2", NULL);
}

int
fixture_setup (void **state)
{
  *state = fixture_new ();
  return 0;
}

int
fixture_setup_replicating (void **state)
{
  *state = fixture_new ();
  fixture_replicate (*state);
  return 0;
}

int
fixture_teardown (void **state)
{
  fixture_free (*state);
  return 0;
}

gint64
fixture_now_us (Fixture *f)
{
  return f->ops->now_us (f->world);
}

void
fixture_expect_identical (Fixture *f)
{
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, 70 * TS_S);
  gint64 from_us = fixture_now_us (f);
  fixture_do (f, TS_DO_COMPARE);
  const TsRecord *compared = fixture_last (f, "compare", NULL, NULL, NULL);
  assert_non_null (compared);
  assert_true (compared->t_us >= from_us);
  assert_int_equal (fixture_count (f, "compare", "identical", "false", NULL), 0);
}
