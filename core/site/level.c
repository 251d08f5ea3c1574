/* core/site/level.c -- see level.h. */
#include "core/site/level.h"
#include "core/base/error.h"

#define POINTS_MAX (TS_POINTS_MAX + 1)

static const char *const roles[] = {
    [TS_LEVEL_NONE] = "none", [TS_LEVEL_PRIMARY] = "primary", [TS_LEVEL_REPLICA] = "replica"};

const char *
ts_level_role_name (TsLevelRole role)
{
  return roles[role];
}

TsLevel *
ts_level_new (const char *vm, const char *id, const char *host)
{
  TsLevel *level = g_new0 (TsLevel, 1);
  level->vm = g_strdup (vm);
  level->id = g_strdup (id);
  level->host = g_strdup (host);
  level->reason = g_strdup ("");
  level->peer = g_strdup ("");
  level->network = g_strdup ("");
  level->classification = g_strdup ("");
  level->test_network = g_strdup ("");
  level->address = g_strdup ("");
  level->point_us = level->percent = -1;
  level->points = g_array_new (FALSE, TRUE, sizeof (TsPoint));
  return level;
}

TsLevel *
ts_level_copy (const TsLevel *from)
{
  TsLevel *level = g_new0 (TsLevel, 1);
  *level = *from;
  level->vm = g_strdup (from->vm);
  level->id = g_strdup (from->id);
  level->host = g_strdup (from->host);
  level->reason = g_strdup (from->reason);
  level->peer = g_strdup (from->peer);
  level->network = g_strdup (from->network);
  level->classification = g_strdup (from->classification);
  level->test_network = g_strdup (from->test_network);
  level->address = g_strdup (from->address);
  level->disks = g_strdupv (from->disks);
  level->points = g_array_copy (from->points);
  return level;
}

void
ts_level_free (TsLevel *level)
{
  if (!level)
    return;
  g_free (level->vm);
  g_free (level->id);
  g_free (level->host);
  g_free (level->reason);
  g_free (level->peer);
  g_free (level->network);
  g_free (level->classification);
  g_free (level->test_network);
  g_free (level->address);
  g_strfreev (level->disks);
  g_array_unref (level->points);
  g_free (level);
}

GVariant *
ts_level_variant (const TsLevel *level)
{
  GVariantBuilder points;
  g_variant_builder_init (&points, G_VARIANT_TYPE ("a(xxx)"));
  for (guint i = 0; i < level->points->len; i++) {
    const TsPoint *point = &g_array_index (level->points, TsPoint, i);
    g_variant_builder_add (&points, "(xxx)", (gint64)point->set, point->instant_us,
                           (gint64)point->type);
  }
  TsFields *fields = ts_fields_new ();
  ts_fields_set_text (fields, "vm", level->vm);
  ts_fields_set_text (fields, "id", level->id);
  ts_fields_set_text (fields, "host", level->host);
  ts_fields_set_text (fields, "role", roles[level->role]);
  ts_fields_set_int (fields, "state", (gint64)level->state);
  ts_fields_set_int (fields, "health", (gint64)level->health);
  ts_fields_set_text (fields, "reason", level->reason);
  ts_fields_set_bool (fields, "exists", level->exists);
  ts_fields_set_bool (fields, "on", level->on);
  ts_fields_set_bool (fields, "serving", level->serving);
  ts_fields_set_bool (fields, "test", level->test);
  ts_fields_set_bool (fields, "test_serving", level->test_serving);
  ts_fields_set_text (fields, "peer", level->peer);
  ts_fields_set_int (fields, "point_us", level->point_us);
  ts_fields_set_int (fields, "pending", level->pending_bytes);
  ts_fields_set_int (fields, "percent", level->percent);
  ts_fields_set_int (fields, "copy_set", (gint64)level->copy_set);
  ts_fields_set_int (fields, "memory", (gint64)level->memory_bytes);
  ts_fields_set_int (fields, "disk", (gint64)level->disk_bytes);
  ts_fields_set_text (fields, "network", level->network);
  ts_fields_set_text (fields, "classification", level->classification);
  ts_fields_set_bool (fields, "exported", level->exported);
  ts_fields_set_text (fields, "address", level->address);
  ts_fields_set_text (fields, "test_network", level->test_network);
  if (level->disks)
    ts_fields_set (fields, "disks", g_variant_new_strv ((const char *const *)level->disks, -1));
  ts_fields_set_int (fields, "replicated", level->replicated);
  ts_fields_set (fields, "points", g_variant_builder_end (&points));
  return ts_fields_end (fields);
}

TsLevel *
ts_level_parse (GVariant *fields, GError **error)
{
  const char *vm = ts_variant_text (fields, "vm", NULL), *id = ts_variant_text (fields, "id", NULL);
  const char *host = ts_variant_text (fields, "host", NULL);
  const char *role = ts_variant_text (fields, "role", "");
  gint64 state = ts_variant_int (fields, "state", -1), health = ts_variant_int (fields, "health", -1);
  guint r = 0;
  while (r < G_N_ELEMENTS (roles) && !g_str_equal (roles[r], role))
    r++;
  if (!vm || !*vm || !id || !host || !*host || r == G_N_ELEMENTS (roles) || state < 0 ||
      state >= TS_STATE_COUNT || health < 0 || health > TS_HEALTH_CRITICAL) {
    ts_throw (error, TS_ERROR_FORMAT, "a machine's level: vm, id, host, role, state or health is "
                                      "missing or none");
    return NULL;
  }
  g_autoptr (TsLevel) level = ts_level_new (vm, id, host);
  level->role = (TsLevelRole)r;
  level->state = (TsState)state;
  level->health = (TsHealth)health;
  g_free (level->reason);
  level->reason = g_strdup (ts_variant_text (fields, "reason", ""));
  level->exists = ts_variant_bool (fields, "exists", FALSE);
  level->on = ts_variant_bool (fields, "on", FALSE);
  level->serving = ts_variant_bool (fields, "serving", FALSE);
  level->test = ts_variant_bool (fields, "test", FALSE);
  level->test_serving = ts_variant_bool (fields, "test_serving", FALSE);
  g_free (level->peer);
  level->peer = g_strdup (ts_variant_text (fields, "peer", ""));
  level->point_us = ts_variant_int (fields, "point_us", -1);
  level->pending_bytes = ts_variant_int (fields, "pending", 0);
  level->percent = ts_variant_int (fields, "percent", -1);
  level->copy_set = (guint64)ts_variant_int (fields, "copy_set", 0);
  level->memory_bytes = (guint64)ts_variant_int (fields, "memory", 0);
  level->disk_bytes = (guint64)ts_variant_int (fields, "disk", 0);
  g_free (level->network);
  level->network = g_strdup (ts_variant_text (fields, "network", ""));
  g_free (level->classification);
  level->classification = g_strdup (ts_variant_text (fields, "classification", ""));
  g_free (level->address);
  level->address = g_strdup (ts_variant_text (fields, "address", ""));
  level->exported = ts_variant_bool (fields, "exported", FALSE);
  g_free (level->test_network);
  level->test_network = g_strdup (ts_variant_text (fields, "test_network", ""));
  g_autoptr (GVariant) disks = g_variant_lookup_value (fields, "disks", G_VARIANT_TYPE ("as"));
  level->disks = disks ? g_variant_dup_strv (disks, NULL) : NULL;
  level->replicated = (guint32)ts_variant_int (fields, "replicated", 0);
  g_autoptr (GVariant) points = g_variant_lookup_value (fields, "points", G_VARIANT_TYPE ("a(xxx)"));
  for (gsize i = 0; points && i < g_variant_n_children (points); i++) {
    gint64 set, instant_us, type;
    g_variant_get_child (points, i, "(xxx)", &set, &instant_us, &type);
    if (i >= POINTS_MAX || set < 1 || type < 0 || type > TS_POINT_PLANNED) {
      ts_throw (error, TS_ERROR_FORMAT, "a machine's level: point %" G_GSIZE_FORMAT " is none", i);
      return NULL;
    }
    TsPoint point = {(guint64)set, instant_us, (TsPointType)type};
    g_array_append_val (level->points, point);
  }
  return g_steal_pointer (&level);
}

gboolean
ts_level_same_state (const TsLevel *a, const TsLevel *b)
{
  return g_str_equal (a->vm, b->vm) && g_str_equal (a->id, b->id) && g_str_equal (a->host, b->host) &&
         a->role == b->role && a->state == b->state && a->health == b->health &&
         a->exists == b->exists && a->on == b->on && a->serving == b->serving && a->test == b->test &&
         a->test_serving == b->test_serving && g_str_equal (a->peer, b->peer) &&
         a->copy_set == b->copy_set && a->replicated == b->replicated && a->exported == b->exported && g_str_equal (a->network, b->network) &&
         g_str_equal (a->test_network, b->test_network) && g_str_equal (a->address, b->address) &&
         g_str_equal (a->classification, b->classification);
}
