/* A sweep's file: what is refused, with its place; which points and cells a good one has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "scenarios/engine/grid.h"
#include "scenarios/engine/scenario.h"

static const char base[] =
    "scenario: 1\nname: small\nsites: {a: {}, b: {}}\nhosts: {ha: {site: a}, hb: {site: b}}\n"
    "vms: {app: {host: ha, disks: {data: {size: 1MiB}}}}\n"
    "links: {wan: {between: [a, b], rate: 8Mbit/s}}\npolicies: {gold: {frequency: 30s}}\n"
    "steps:\n- {id: protect, do: protect, vm: app, policy: gold, to: hb}\n"
    "- {id: later, wait: {cycles: 1, vm: app}, within: 10m, after: {step: protect, by: 1s}}\n";

#define AXES                                                                                       \
  "axes: {rate: {path: links.wan.rate, values: [1Mbit/s, 2Mbit/s]}, often: {path: "                \
  "policies.gold.frequency, values: [30s, 5min, 15min]}}\n"
#define HEAD "sweep: 1\nname: s\nbase: b.yaml\n"

static TsSweep *
parse (const char *text, TsProblems *problems)
{
  return ts_sweep_parse ("d/f", text, strlen (text), base, sizeof base - 1, problems);
}

static TsSweep *
parse_good (const char *text)
{
  g_autoptr (TsProblems) problems = ts_problems_new ("d/f");
  TsSweep *sweep = parse (text, problems);
  g_autofree char *told = ts_problems_format (problems);
  assert_string_equal (told, "");
  assert_non_null (sweep);
  return sweep;
}

static TsGrid *
grid_good (const TsSweep *sweep)
{
  g_autoptr (GError) error = NULL;
  TsGrid *grid = ts_grid_new (sweep, &error);
  assert_null (error);
  return grid;
}

/* ---- refused ---- */

static const struct bad {
  const char *name, *text, *want;
} bads[] = {
    {"no axes", HEAD, "d/f:1:1: key 'axes' is missing (what is varied)\n"},
    {"an unknown key", HEAD AXES "seed: 3\n",
     "d/f:5:1: unknown key 'seed'; did you mean 'seeds'?\n"},
    {"no map", "[1]\n",
     "d/f:1:1: a sweep file is a map that begins with 'sweep: 1', this is a list\n"},
    {"another version", "sweep: 2\nname: s\nbase: b.yaml\n" AXES,
     "d/f:1:8: sweep: 2 is above 1, the most that is allowed\n"},
    {"an axis without values", HEAD "axes: {rate: {path: links.wan.rate, values: []}}\n",
     "d/f:4:45: axis rate: values: 1 to 64 are needed, there are 0\n"},
    {"a value twice", HEAD "axes: {rate: {path: links.wan.rate, values: [1Mbit/s, 1Mbit/s]}}\n",
     "d/f:4:55: axis rate: values: '1Mbit/s' is given twice\n"},
    {"two axes of one path",
     HEAD "axes:\n  a: {path: links.wan.rate, values: [1Mbit/s]}\n  b: {path: links.wan.rate, "
          "values: [2Mbit/s]}\n",
     "d/f:6:13: axis b: axis a sets links.wan.rate already\n"},
    {"a path that is not there", HEAD "axes: {x: {path: links.lan.rate, values: [1Mbit/s]}}\n",
     "d/f:4:7: with the first values: d/b.yaml: --set links.lan.rate=1Mbit/s: the scenario has no "
     "'lan' there\n"},
    {"a value that the scenario refuses",
     HEAD "axes: {rate: {path: links.wan.rate, values: [1Mbit/s, fast]}}\n", NULL},
    {"a subset without its size", HEAD AXES "pick: subset\n",
     "d/f:5:7: 'pick: subset' and 'subset: NUMBER' belong together\n"},
    {"a size without subset", HEAD AXES "subset: 3\n",
     "d/f:5:9: 'pick: subset' and 'subset: NUMBER' belong together\n"},
    {"an unknown pick", HEAD AXES "pick: most\n",
     "d/f:5:7: pick: 'most' is not one of its values; there are: all, pairwise, subset\n"},
    {"no seeds", HEAD AXES "seeds: 0\n",
     "d/f:5:8: seeds: 0 is below 1, the least that is allowed\n"},
    {"skip of an unknown axis", HEAD AXES "skip: [{rat: 1Mbit/s}]\n",
     "d/f:5:9: skip: there is no axis 'rat'; did you mean 'rate'?\n"},
    {"skip of an unknown value", HEAD AXES "skip: [{rate: 3Mbit/s}]\n",
     "d/f:5:15: skip: axis rate has no value '3Mbit/s'; did you mean '1Mbit/s'?\n"},
    {"skip that is no list", HEAD AXES "skip: {rate: 1Mbit/s}\n",
     "d/f:5:7: skip: a list of maps is needed here, this is a map\n"},
    {"skip of nothing", HEAD AXES "skip: [{}]\n",
     "d/f:5:8: skip: a map of axes to values is needed here, this is an empty one\n"},
    {"a draw that ends before it begins",
     HEAD AXES "draws: {w: {path: steps.later.after.by, from: 2s, to: 1s}}\n",
     "d/f:5:55: draw w: to: 1s is before 2s, its from\n"},
    {"a draw of an axis's path", HEAD AXES "draws: {w: {path: links.wan.rate, from: 1s, to: 2s}}\n",
     "d/f:5:19: draw w: axis rate sets links.wan.rate already\n"},
    {"a draw of what is no duration", HEAD AXES "draws: {w: {path: seed, from: 1s, to: 2s}}\n",
     NULL},
    {"an unknown metric", HEAD AXES "metrics: [rto, rpo]\n",
     "d/f:5:16: metrics: there is no metric 'rpo' (did you mean \"rto\"?)\n"},
    {"a metric that is a text", HEAD AXES "show: {metric: states}\n",
     "d/f:5:16: show: metric: states is a text; a number is needed here\n"},
    {"a family without what it asks", HEAD AXES "show: {metric: exposure.over.TIME}\n",
     "d/f:5:16: show: metric: there is no metric 'exposure.over.TIME'\n"},
    {"an objective in another unit", HEAD AXES "show: {metric: exposure.over.15m, max: 3MiB}\n",
     NULL},
    {"x that is no axis", HEAD AXES "show: {x: link}\n",
     "d/f:5:11: show: x: there is no axis 'link'; there are: rate, often\n"},
    {"y that is x", HEAD AXES "show: {x: often, y: often}\n",
     "d/f:5:21: show: y: axis often is to the right already\n"},
    {"an objective without unit", HEAD AXES "show: {max: 5}\n", NULL},
};

static void
is_refused (void **state)
{
  const struct bad *bad = *state;
  g_autoptr (TsProblems) problems = ts_problems_new ("d/f");
  g_autoptr (TsSweep) sweep = parse (bad->text, problems);
  g_autofree char *told = ts_problems_format (problems);
  assert_null (sweep);
  assert_true (g_str_has_prefix (told, "d/f:"));
  if (bad->want != NULL)
    assert_string_equal (told, bad->want);
}

static void
base_must_be_there (void **state)
{
  g_autoptr (TsProblems) problems = ts_problems_new ("d/f");
  g_autoptr (TsSweep) sweep =
      ts_sweep_parse ("d/f", HEAD AXES, strlen (HEAD AXES), NULL, 0, problems);
  assert_null (sweep);
  g_autofree char *told = ts_problems_format (problems);
  assert_string_equal (told, "d/f:3:7: base: there is no such file to read\n");
}

/* ---- points and cells ---- */

static void
all_points_in_order (void **state)
{
  g_autoptr (TsSweep) sweep =
      parse_good (HEAD AXES "seeds: 2\nfirst_seed: 10\nset: [limits.settle=none]\n"
                            "draws: {w: {path: steps.later.after.by, from: 1s, to: 2s}}\n"
                            "skip: [{rate: 2Mbit/s, often: [5min, 15min]}]\n");
  g_autoptr (TsGrid) grid = grid_good (sweep);
  assert_int_equal (grid->possible, 6);
  assert_int_equal (grid->point_count, 4);
  assert_int_equal (grid->skipped, 2);
  assert_int_equal (grid->cell_count, 8);
  assert_int_equal (ts_grid_seed (grid, 0), 10);
  assert_int_equal (ts_grid_seed (grid, 3), 11);
  g_auto (GStrv) cell = ts_grid_assignments (grid, 7);
  assert_string_equal (cell[0], "limits.settle=none");
  assert_string_equal (cell[1], "links.wan.rate=2Mbit/s");
  assert_string_equal (cell[2], "policies.gold.frequency=30s");
  assert_true (g_str_has_prefix (cell[3], "steps.later.after.by=1"));
  assert_null (cell[4]);
  g_autofree char *replay = ts_grid_replay (grid, 0);
  assert_true (g_str_has_prefix (replay, "twinsite run d/b.yaml --on sim --seed 10 --set "
                                         "limits.settle=none --set links.wan.rate=1Mbit/s --set "));
}

/* What chance draws belongs to the seed, whatever the point; and it is spread. */
static void
draws_belong_to_seeds (void **state)
{
  g_autoptr (TsSweep) sweep = parse_good (
      HEAD AXES "seeds: 200\ndraws: {w: {path: steps.later.after.by, from: 10s, to: 20s}}\n");
  g_autoptr (TsGrid) grid = grid_good (sweep);
  gint64 least = TS_NEVER, most = 0;
  for (guint cell = 0; cell < 200; cell++) {
    g_auto (GStrv) here = ts_grid_assignments (grid, cell);
    g_auto (GStrv) there = ts_grid_assignments (grid, cell + 200);
    gint64 us = 0;
    assert_string_equal (here[2], there[2]);
    assert_true (ts_parse_duration (strchr (here[2], '=') + 1, &us, NULL));
    least = MIN (least, us);
    most = MAX (most, us);
  }
  assert_in_range (least, 10 * TS_S, 10 * TS_S + TS_S / 4);
  assert_in_range (most, 20 * TS_S - TS_S / 4, 20 * TS_S);
}

static void
subset_is_some_of_all (void **state)
{
  g_autoptr (TsSweep) all = parse_good (HEAD AXES);
  g_autoptr (TsSweep) some = parse_good (HEAD AXES "pick: subset\nsubset: 4\n");
  g_autoptr (TsSweep) more = parse_good (HEAD AXES "pick: subset\nsubset: 40\n");
  g_autoptr (TsGrid) all_grid = grid_good (all), some_grid = grid_good (some);
  g_autoptr (TsGrid) more_grid = grid_good (more), again = grid_good (some);
  assert_int_equal (some_grid->point_count, 4);
  assert_int_equal (more_grid->point_count, 6);
  assert_memory_equal (some_grid->points->data, again->points->data, 8);
  guint at = 0;
  for (guint point = 0; point < 6 && at < 4; point++)
    at += memcmp (all_grid->points->data + point * 2, some_grid->points->data + at * 2, 2) == 0;
  assert_int_equal (at, 4); /* each is there, in the same order */
}

static void
shards_share_all (void **state)
{
  g_autoptr (TsSweep) sweep = parse_good (HEAD AXES "seeds: 3\n");
  g_autoptr (TsGrid) grid = grid_good (sweep);
  guint seen[18] = {0};
  for (guint shard = 1; shard <= 5; shard++) {
    g_autoptr (GArray) cells = ts_grid_shard (grid, shard, 5);
    assert_in_range (cells->len, 3, 4);
    for (guint i = 0; i < cells->len; i++)
      seen[g_array_index (cells, guint, i)]++;
  }
  for (guint i = 0; i < 18; i++)
    assert_int_equal (seen[i], 1);
}

static void
nothing_left_is_refused (void **state)
{
  g_autoptr (TsSweep) sweep = parse_good (HEAD AXES "skip: [{rate: [1Mbit/s, 2Mbit/s]}]\n");
  g_autoptr (GError) error = NULL;
  assert_null (ts_grid_new (sweep, &error));
  assert_string_equal (error->message, "skip leaves no point");
}

/* Written out, it is the same sweep; where its base lies does not matter, what it says does. */
static void
digest_is_of_what_decides (void **state)
{
  g_autoptr (TsSweep) sweep = parse_good (HEAD AXES "skip: [{rate: 2Mbit/s, often: [5min]}]\n");
  g_autoptr (TsGrid) grid = grid_good (sweep);
  g_autofree char *text = ts_sweep_format (sweep, "base.yaml");
  g_autoptr (TsSweep) again = parse_good (text);
  g_autoptr (TsGrid) again_grid = grid_good (again);
  g_autofree char *digest = ts_grid_digest (grid), *same = ts_grid_digest (again_grid);
  assert_string_equal (digest, same);
  g_autoptr (TsSweep) other = parse_good (HEAD AXES "seeds: 2\n");
  g_autoptr (TsGrid) other_grid = grid_good (other);
  g_autofree char *different = ts_grid_digest (other_grid);
  assert_string_not_equal (digest, different);
}

int
main (void)
{
  const struct CMUnitTest good[] = {
      cmocka_unit_test (base_must_be_there),        cmocka_unit_test (all_points_in_order),
      cmocka_unit_test (draws_belong_to_seeds),     cmocka_unit_test (subset_is_some_of_all),
      cmocka_unit_test (shards_share_all),          cmocka_unit_test (nothing_left_is_refused),
      cmocka_unit_test (digest_is_of_what_decides),
  };
  struct CMUnitTest tests[G_N_ELEMENTS (bads) + G_N_ELEMENTS (good)] = {{0}};
  for (guint i = 0; i < G_N_ELEMENTS (bads); i++)
    tests[i] = (struct CMUnitTest){
        .name = bads[i].name, .test_func = is_refused, .initial_state = (void *)&bads[i]};
  memcpy (tests + G_N_ELEMENTS (bads), good, sizeof good);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
