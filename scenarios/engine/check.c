#include "scenarios/engine/check.h"
#include <string.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "scenarios/engine/predicate.h"
#include "scenarios/engine/schema.h"
#include "scenarios/engine/value.h"

typedef struct {
  TsYaml *root;
  TsProblems *problems;
} Check;

static void check_map (Check *check, TsYaml *node, const char *section, guint64 when,
                       const char *what);

/* ---- telling ---- */

static void G_GNUC_PRINTF (3, 4) tell (Check *check, const TsYaml *node, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  ts_problem (check->problems, node->line, node->column, "%s", message);
}

/* ---- scalars ---- */

static gboolean
name_is_good (const char *text)
{
  gsize len = strlen (text);
  if (len == 0 || len > 31 || !g_ascii_isalpha (text[0]))
    return FALSE;
  for (gsize i = 0; i < len; i++)
    if (!g_ascii_isalnum (text[i]) && text[i] != '-' && text[i] != '_')
      return FALSE;
  return TRUE;
}

static void
check_name (Check *check, const TsYaml *node, const char *what)
{
  if (!name_is_good (node->text))
    tell (check, node,
          "%s: '%s' is no name: a letter, then letters, digits, '-' or '_', at most 31 in all",
          what, node->text);
}

/* A host is called by its full name, too: labels with dots between (HVR reference 1.3). */
static void
check_host_name (Check *check, const TsYaml *node, const char *what)
{
  g_auto (GStrv) labels = g_strsplit (node->text, ".", -1);
  gboolean good = labels[0] != NULL && strlen (node->text) <= 40;
  for (guint i = 0; labels[i] != NULL; i++)
    good &= name_is_good (labels[i]);
  if (!good)
    tell (check, node,
          "%s: '%s' is no name of a host: a letter, then letters, digits, '-' or '_', at most 31; "
          "or several of these with dots between, at most 40 in all",
          what, node->text);
}

static void
check_choice (Check *check, const TsYaml *node, const TsSchemaRow *row, const char *what)
{
  g_auto (GStrv) choices = ts_schema_choices (row);
  if (g_strv_contains ((const char *const *)choices, node->text))
    return;
  g_autofree char *hint = ts_suggest_text (node->text, (const char *const *)choices);
  tell (check, node, "%s: '%s' is not one of its values%s", what, node->text, hint);
}

static char *
bound_text (const TsSchemaRow *row, gint64 bound)
{
  if (row->type == TS_VALUE_SIZE)
    return ts_format_size ((guint64)bound);
  if (row->type == TS_VALUE_DURATION || row->type == TS_VALUE_DURATION_OR_NONE)
    return ts_format_duration (bound);
  return g_strdup_printf ("%" G_GINT64_FORMAT, bound);
}

static void
check_bounds (Check *check, const TsYaml *node, const TsSchemaRow *row, gint64 value,
              const char *what)
{
  if (row->min == 0 && row->max == 0)
    return;
  gboolean below = value<row->min, above = row->max> 0 && value > row->max;
  if (!below && !above)
    return;
  g_autofree char *bound = bound_text (row, below ? row->min : row->max);
  tell (check, node, "%s: %s is %s %s, the %s that is allowed", what, node->text,
        below ? "below" : "above", bound, below ? "least" : "most");
}

/* Words of what a reference may name. */
static const char **
reference_words (Check *check, const char *of)
{
  const TsYaml *map = ts_yaml_get (check->root, of);
  if (!g_str_equal (of, "steps") && !g_str_equal (of, "expect"))
    return ts_yaml_words (map);
  guint count = map != NULL && map->kind == TS_YAML_LIST ? map->items->len : 0;
  const char **words = g_new0 (const char *, count + 1);
  guint used = 0;
  for (guint i = 0; i < count; i++) {
    const TsYaml *id = ts_yaml_get (map->items->pdata[i], "id");
    if (id != NULL && id->kind == TS_YAML_SCALAR)
      words[used++] = id->text;
  }
  return words;
}

static void
check_reference (Check *check, const TsYaml *node, const char *of, const char *what)
{
  /* what is referred to is of the wrong kind as a whole: that is told once, there */
  gboolean by_id = g_str_equal (of, "steps") || g_str_equal (of, "expect");
  const TsYaml *section = ts_yaml_get (check->root, of);
  if (section != NULL && section->kind != (by_id ? TS_YAML_LIST : TS_YAML_MAP) &&
      !ts_yaml_is_nothing (section))
    return;
  static const struct {
    const char *of, *one;
  } singular[] = {{"sites", "site"},         {"hosts", "host"},      {"vms", "VM"},
                  {"links", "link"},         {"policies", "policy"}, {"steps", "step"},
                  {"expect", "expectation"}, {"axes", "axis"}};
  g_autofree const char **words = reference_words (check, of);
  if (g_strv_contains (words, node->text))
    return;
  const char *one = of;
  for (guint i = 0; i < G_N_ELEMENTS (singular); i++)
    if (g_str_equal (singular[i].of, of))
      one = singular[i].one;
  g_autofree char *hint = ts_suggest_text (node->text, words);
  tell (check, node, "%s: there is no %s '%s'%s", what, one, node->text, hint);
}

/* "STEP", "STEP.begun", "STEP.done" or a time */
static void
check_instant (Check *check, const TsYaml *node, const char *text, const char *what)
{
  gint64 us;
  if (g_ascii_isdigit (text[0])) {
    g_autoptr (GError) error = NULL;
    if (!ts_text_duration (text, &us, &error))
      tell (check, node, "%s: %s", what, error->message);
    return;
  }
  TsYaml step = *node;
  g_autofree char *id = g_strdup (text);
  char *dot = strchr (id, '.');
  if (dot != NULL && (g_str_equal (dot, ".begun") || g_str_equal (dot, ".done")))
    *dot = '\0';
  step.text = id;
  check_reference (check, &step, "steps", what);
}

static void
check_window (Check *check, const TsYaml *node, const TsSchemaRow *row, const char *what)
{
  const char *dots = strstr (node->text, "..");
  if ((dots != NULL) != (row->max == 2)) {
    tell (check, node,
          row->max == 2 ? "%s: two instants are needed, as in 'dark..healed'"
                        : "%s: one instant is needed; 'during' takes two",
          what);
    return;
  }
  g_autofree char *from =
      dots != NULL ? g_strndup (node->text, (gsize)(dots - node->text)) : g_strdup (node->text);
  check_instant (check, node, from, what);
  if (dots != NULL)
    check_instant (check, node, dots + 2, what);
}

static void
check_scalar (Check *check, const TsYaml *node, const TsSchemaRow *row, const char *what)
{
  g_autoptr (GError) error = NULL;
  gint64 number = 0;
  guint64 size = 0;
  guint32 ppm = 0;
  gboolean on;
  TsPointChoice choice;
  switch (row->type) {
  case TS_VALUE_TEXT:
    break;
  case TS_VALUE_NAME:
    check_name (check, node, what);
    break;
  case TS_VALUE_INTEGER:
    if (!ts_text_integer (node->text, &number))
      tell (check, node, "%s: '%s' is not a whole number", what, node->text);
    else
      check_bounds (check, node, row, number, what);
    break;
  case TS_VALUE_DURATION_OR_NONE:
    if (g_str_equal (node->text, "none"))
      break;
    G_GNUC_FALLTHROUGH;
  case TS_VALUE_DURATION:
    if (ts_text_duration (node->text, &number, &error))
      check_bounds (check, node, row, number, what);
    break;
  case TS_VALUE_SIZE:
    if (ts_parse_size (node->text, &size, &error)) {
      if (size > G_MAXINT64)
        size = G_MAXINT64;
      check_bounds (check, node, row, (gint64)size, what);
    }
    break;
  case TS_VALUE_RATE:
    ts_parse_rate (node->text, &size, &error);
    break;
  case TS_VALUE_FREQUENCY:
    if (ts_parse_frequency (node->text, &size, &error) && size == 0)
      tell (check, node, "%s: must be more than 0; leave the workload out for none", what);
    break;
  case TS_VALUE_SHARE:
    ts_parse_share (node->text, &ppm, &error);
    break;
  case TS_VALUE_INTERVAL:
    if (!ts_text_interval (node->text, &number))
      tell (check, node, "%s: '%s' is not a replication frequency; there are: 30s, 5min, 15min",
            what, node->text);
    break;
  case TS_VALUE_CLOCK:
    if (!ts_text_clock (node->text, &number))
      tell (check, node, "%s: '%s' is not a time of day: 00:00 to 23:59, two digits each", what,
            node->text);
    break;
  case TS_VALUE_POINT:
    if (!ts_text_point (node->text, &choice))
      tell (check, node,
            "%s: '%s' is not a recovery point; there are: latest, latest-app-consistent, a number "
            "from 0 to %d, an age such as 2h",
            what, node->text, TS_POINTS_MAX);
    break;
  case TS_VALUE_SWITCH:
    if (!ts_text_switch (node->text, &on))
      tell (check, node, "%s: '%s' is neither on nor off", what, node->text);
    break;
  case TS_VALUE_CHOICE:
    check_choice (check, node, row, what);
    break;
  case TS_VALUE_REFERENCE:
    check_reference (check, node, row->of, what);
    break;
  case TS_VALUE_WINDOW:
    check_window (check, node, row, what);
    break;
  case TS_VALUE_CHOICES:
  case TS_VALUE_NAMES:
  case TS_VALUE_EXPECT_IDS:
  case TS_VALUE_INVARIANTS:
  case TS_VALUE_PAIR:
  case TS_VALUE_TEXTS:
  case TS_VALUE_DISKS:
  case TS_VALUE_MAP:
  case TS_VALUE_NAMED:
  case TS_VALUE_LIST:
  case TS_VALUE_FREE:
  default:
    g_assert_not_reached ();
  }
  if (error != NULL)
    tell (check, node, "%s: %s", what, error->message);
}

/* ---- lists of words ---- */

static void
check_words (Check *check, TsYaml *node, const TsSchemaRow *row, const char *what)
{
  for (guint i = 0; i < node->items->len; i++) {
    const TsYaml *item = node->items->pdata[i];
    if (item->kind != TS_YAML_SCALAR) {
      tell (check, item, "%s: %s is needed here, this is %s", what, "a text",
            ts_yaml_kind_name (item));
      continue;
    }
    for (guint j = 0; j < i; j++) {
      const TsYaml *other = node->items->pdata[j];
      if (other->kind == TS_YAML_SCALAR && g_str_equal (other->text, item->text))
        tell (check, item, "%s: '%s' is given twice", what, item->text);
    }
    if (row->type == TS_VALUE_CHOICES)
      check_choice (check, item, row, what);
    else if (row->type == TS_VALUE_EXPECT_IDS)
      check_reference (check, item, "expect", what);
    else if (row->type == TS_VALUE_PAIR)
      check_reference (check, item, row->of, what);
    else if (row->type != TS_VALUE_TEXTS)
      check_name (check, item, what);
  }
  if (row->type == TS_VALUE_PAIR && node->items->len != 2)
    tell (check, node, "%s: exactly two of %s are needed, there %s %u", what, row->of,
          node->items->len == 1 ? "is" : "are", node->items->len);
  if (row->type == TS_VALUE_DISKS && node->items->len == 0)
    tell (check, node, "%s: at least one is needed", what);
}

/* ---- maps ---- */

/* Which of a section's rows apply to this very map: of a step its verb's, of a wait its question's.
 * 0: told, or none. */
static guint64
when_of (Check *check, TsYaml *node, const char *section, const char *what)
{
  if (g_str_equal (section, "step")) {
    const TsYaml *verb = ts_yaml_get (node, "do");
    gint index = verb != NULL && verb->kind == TS_YAML_SCALAR ? ts_verb_find (verb->text) : -1;
    return index < 0 ? 0 : G_GUINT64_CONSTANT (1) << index;
  }
  if (!g_str_equal (section, "wait"))
    return 0;
  for (guint i = 0; i < node->keys->len; i++) {
    gint kind = ts_predicate_find (((TsYaml *)node->keys->pdata[i])->text);
    if (kind >= 0)
      return G_GUINT64_CONSTANT (1) << kind;
  }
  const char *questions[TS_WAIT_COUNT + 1] = {NULL};
  for (guint kind = 0; kind < TS_WAIT_COUNT; kind++)
    questions[kind] = ts_predicate_name ((TsPredicateKind)kind);
  const char *first = node->keys->len > 0 ? ((TsYaml *)node->keys->pdata[0])->text : "";
  g_autofree char *hint = ts_suggest_text (first, questions);
  tell (check, node, "%s: says nothing to wait for%s", what, hint);
  return 0;
}

static TsYaml *
fallback_value (const TsSchemaRow *row)
{
  TsYaml *value = NULL;
  switch (row->type) {
  case TS_VALUE_MAP:
  case TS_VALUE_NAMED:
    return ts_yaml_new_map ();
  case TS_VALUE_LIST:
  case TS_VALUE_CHOICES:
  case TS_VALUE_NAMES:
  case TS_VALUE_EXPECT_IDS:
  case TS_VALUE_INVARIANTS:
  case TS_VALUE_PAIR:
  case TS_VALUE_TEXTS:
  case TS_VALUE_DISKS: {
    value = ts_yaml_new_list ();
    g_auto (GStrv) words = g_strsplit (row->fallback, ",", -1); /* "": none */
    for (guint i = 0; words[i] != NULL; i++)
      ts_yaml_add (value, ts_yaml_new_scalar (words[i]));
    return value;
  }
  case TS_VALUE_TEXT:
  case TS_VALUE_NAME:
  case TS_VALUE_INTEGER:
  case TS_VALUE_DURATION:
  case TS_VALUE_DURATION_OR_NONE:
  case TS_VALUE_SIZE:
  case TS_VALUE_RATE:
  case TS_VALUE_FREQUENCY:
  case TS_VALUE_SHARE:
  case TS_VALUE_CLOCK:
  case TS_VALUE_INTERVAL:
  case TS_VALUE_POINT:
  case TS_VALUE_SWITCH:
  case TS_VALUE_CHOICE:
  case TS_VALUE_REFERENCE:
  case TS_VALUE_WINDOW:
  case TS_VALUE_FREE:
  default:
    value = ts_yaml_new_scalar (row->fallback);
    value->plain = row->fallback[0] != '\0'; /* an empty text is one, not nothing */
    return value;
  }
}

static TsYamlKind
kind_of_row (const TsSchemaRow *row)
{
  return row->type == TS_VALUE_MAP || row->type == TS_VALUE_NAMED ? TS_YAML_MAP
         : row->type == TS_VALUE_LIST ||
                 (row->type >= TS_VALUE_CHOICES && row->type <= TS_VALUE_DISKS)
             ? TS_YAML_LIST
             : TS_YAML_SCALAR;
}

/* "key:" with nothing behind it is an empty map or list where one belongs. */
static void
fill_nothing (TsYaml *node, TsYamlKind kind)
{
  if (kind == TS_YAML_SCALAR || !ts_yaml_is_nothing (node))
    return;
  g_clear_pointer (&node->text, g_free);
  node->kind = kind;
  node->items = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_yaml_free);
  if (kind == TS_YAML_MAP)
    node->keys = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_yaml_free);
}

static void
check_named (Check *check, TsYaml *node, const TsSchemaRow *row, const char *what)
{
  for (guint i = 0; i < node->items->len; i++) {
    const TsYaml *key = node->keys->pdata[i];
    if (g_str_equal (row->of, "host"))
      check_host_name (check, key, what);
    else
      check_name (check, key, what);
    g_autofree char *inside = g_strdup_printf ("%s %s", row->of, key->text);
    check_map (check, node->items->pdata[i], row->of, 0, inside);
  }
}

static void
check_list (Check *check, TsYaml *node, const TsSchemaRow *row, const char *what)
{
  for (guint i = 0; i < node->items->len; i++) {
    TsYaml *item = node->items->pdata[i];
    const TsYaml *id = ts_yaml_get (item, "id");
    g_autofree char *inside = id != NULL && id->kind == TS_YAML_SCALAR
                                  ? g_strdup_printf ("%s %s", row->of, id->text)
                                  : g_strdup_printf ("%s %u", row->of, i + 1);
    check_map (check, item, row->of, 0, inside);
    for (guint j = 0; id != NULL && id->kind == TS_YAML_SCALAR && j < i; j++) {
      const TsYaml *other = ts_yaml_get (node->items->pdata[j], "id");
      if (other != NULL && other->kind == TS_YAML_SCALAR && g_str_equal (other->text, id->text))
        tell (check, id, "id '%s' is given twice; it stands in line %u already", id->text,
              other->line);
    }
  }
}

static void
check_count (Check *check, const TsYaml *node, const TsSchemaRow *row, const char *what)
{
  gint64 count = node->items->len;
  if ((row->min == 0 && row->max == 0) || (count >= row->min && count <= row->max))
    return;
  if (count < row->min)
    tell (check, node, "%s: at least %" G_GINT64_FORMAT " is needed", what, row->min);
  else
    tell (check, node, "%s: %" G_GINT64_FORMAT " are too many, %" G_GINT64_FORMAT " at most", what,
          count, row->max);
}

static void
check_value (Check *check, TsYaml *node, const TsSchemaRow *row, const char *what)
{
  if (row->type == TS_VALUE_FREE)
    return;
  TsYamlKind kind = kind_of_row (row);
  fill_nothing (node, kind);
  if (node->kind != kind) {
    static const char *const wanted[] = {"a value", "a list", "a map"};
    g_autofree char *example = kind == TS_YAML_SCALAR
                                   ? g_strdup_printf (" (%s)", ts_value_type_help (row->type))
                                   : g_strdup ("");
    tell (check, node, "%s: %s is needed here%s, this is %s", what, wanted[kind], example,
          ts_yaml_kind_name (node));
    return;
  }
  if (kind == TS_YAML_SCALAR && node->text[0] == '\0' && row->type != TS_VALUE_TEXT) {
    tell (check, node, "%s: a value is missing (%s)", what, ts_value_type_help (row->type));
    return;
  }
  if (row->type == TS_VALUE_MAP)
    check_map (check, node, row->of, 0, what);
  else if (row->type == TS_VALUE_NAMED)
    check_named (check, node, row, what);
  else if (row->type == TS_VALUE_LIST)
    check_list (check, node, row, what);
  else if (kind == TS_YAML_LIST)
    check_words (check, node, row, what);
  else
    check_scalar (check, node, row, what);
  if (row->type == TS_VALUE_NAMED || row->type == TS_VALUE_LIST)
    check_count (check, node, row, what);
}

static void
tell_unknown (Check *check, const TsYaml *key, const char *section, guint64 when, const char *what)
{
  g_autofree const char **words = ts_schema_words (section, when);
  const char *where = what[0] == '\0' ? "" : " in ";
  /* known elsewhere: a verb's own key on another verb's step */
  if (ts_schema_find (section, key->text, ~G_GUINT64_CONSTANT (0)) != NULL) {
    tell (check, key, "key '%s' does not belong here%s%s", key->text, where, what);
    return;
  }
  if (words[0] == NULL) {
    tell (check, key, "unknown key '%s'%s%s; nothing can be said here", key->text, where, what);
    return;
  }
  g_autofree char *hint = ts_suggest_text (key->text, words);
  tell (check, key, "unknown key '%s'%s%s%s", key->text, where, what, hint);
}

static void
check_map (Check *check, TsYaml *node, const char *section, guint64 when, const char *what)
{
  fill_nothing (node, TS_YAML_MAP);
  if (node->kind != TS_YAML_MAP) {
    tell (check, node, "%s%sa map is needed here, this is %s", what, what[0] ? ": " : "",
          ts_yaml_kind_name (node));
    return;
  }
  guint before = check->problems->list->len;
  if (when == 0)
    when = when_of (check, node, section, what);
  gboolean wait_is_unclear = g_str_equal (section, "wait") && when == 0;
  if (wait_is_unclear && check->problems->list->len > before)
    return;
  /* an unknown verb is told once, not again by each of its keys */
  const TsYaml *verb = g_str_equal (section, "step") ? ts_yaml_get (node, "do") : NULL;
  gboolean verb_is_unclear = verb != NULL && when == 0;
  for (guint i = 0; i < node->items->len; i++) {
    const TsYaml *key = node->keys->pdata[i];
    const TsSchemaRow *row = ts_schema_find (section, key->text, when);
    if (row == NULL) {
      if (!verb_is_unclear)
        tell_unknown (check, key, section, when, what);
      continue;
    }
    g_autofree char *inside =
        what[0] == '\0' ? g_strdup (key->text) : g_strdup_printf ("%s: %s", what, key->text);
    check_value (check, node->items->pdata[i], row, inside);
  }
  const TsSchemaRow *row;
  for (guint i = 0; (row = ts_schema_get (i)) != NULL; i++) {
    if (!g_str_equal (row->section, section) || (row->when != 0 && (row->when & when) == 0) ||
        ts_yaml_get (node, row->key) != NULL)
      continue;
    if (row->required)
      tell (check, node, "%s%skey '%s' is missing (%s)", what, what[0] ? ": " : "", row->key,
            row->help);
    else if (row->fallback != NULL) {
      TsYaml *value = fallback_value (row);
      value->line = node->line;
      value->column = node->column;
      ts_yaml_set (node, row->key, value);
      if (row->type == TS_VALUE_MAP)
        check_map (check, value, row->of, 0, row->key);
    }
  }
}

gboolean
ts_schema_check (TsYaml *root, TsProblems *problems)
{
  Check check = {.root = root, .problems = problems};
  /* another version may mean anything: say that first, and nothing else */
  const TsYaml *version = ts_yaml_get (root, "scenario");
  gint64 number = 0;
  if (root->kind != TS_YAML_MAP)
    tell (&check, root, "a scenario is a map that begins with 'scenario: 1', this is %s",
          ts_yaml_kind_name (root));
  else if (version != NULL && version->kind == TS_YAML_SCALAR &&
           ts_text_integer (version->text, &number) && number != TS_SCENARIO_VERSION)
    tell (&check, version, "scenario: version %s is not known; this program reads version %d",
          version->text, TS_SCENARIO_VERSION);
  else
    check_map (&check, root, "", 0, "");
  return !ts_problems_any (problems);
}

gboolean
ts_schema_check_as (TsYaml *root, const char *section, TsProblems *problems)
{
  Check check = {.root = root, .problems = problems};
  if (root->kind != TS_YAML_MAP)
    tell (&check, root, "a %s file is a map that begins with '%s: 1', this is %s", section, section,
          ts_yaml_kind_name (root));
  else
    check_map (&check, root, section, 0, "");
  return !ts_problems_any (problems);
}

gboolean
ts_schema_check_section (TsYaml *map, const char *section, TsProblems *problems)
{
  Check check = {.root = map, .problems = problems};
  if (map->kind != TS_YAML_MAP)
    tell (&check, map, "%s: a map is wanted, this is %s", section, ts_yaml_kind_name (map));
  else
    check_map (&check, map, section, 0, section);
  return !ts_problems_any (problems);
}

/* ---- --set ---- */

static TsYaml *
child_named (TsYaml *node, const char *name)
{
  if (node->kind == TS_YAML_MAP)
    return ts_yaml_get (node, name);
  if (node->kind == TS_YAML_LIST)
    for (guint i = 0; i < node->items->len; i++) {
      const TsYaml *id = ts_yaml_get (node->items->pdata[i], "id");
      if (id != NULL && id->kind == TS_YAML_SCALAR && g_str_equal (id->text, name))
        return node->items->pdata[i];
    }
  return NULL;
}

gboolean
ts_yaml_assign (TsYaml *root, const char *assignment, GError **error)
{
  const char *equals = strchr (assignment, '=');
  if (equals == NULL || equals == assignment)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "--set %s: write it as PATH=VALUE, such as links.wan.rate=10Mbit/s",
                     assignment);
  g_autofree char *path = g_strndup (assignment, (gsize)(equals - assignment));
  g_auto (GStrv) parts = g_strsplit (path, ".", -1);
  guint last = g_strv_length (parts) - 1;
  TsYaml *node = root;
  for (guint i = 0; i < last; i++) {
    TsYaml *child = child_named (node, parts[i]);
    /* these may be left out of the file, and yet be set from outside */
    if (child == NULL && i == 0 && node->kind == TS_YAML_MAP &&
        (g_str_equal (parts[0], "limits") || g_str_equal (parts[0], "lab") ||
         g_str_equal (parts[0], "sim"))) {
      child = ts_yaml_new_map ();
      ts_yaml_set (node, parts[0], child);
    }
    if (child == NULL)
      return ts_throw (error, TS_ERROR_ARGUMENT, "--set %s: the scenario has no '%s' there",
                       assignment, parts[i]);
    node = child;
  }
  if (node->kind != TS_YAML_MAP)
    return ts_throw (error, TS_ERROR_ARGUMENT, "--set %s: '%s' is not a key of a map", assignment,
                     parts[last]);
  TsYaml *value = ts_yaml_new_scalar (equals + 1);
  TsYaml *old = ts_yaml_get (node, parts[last]);
  value->line = old != NULL ? old->line : node->line;
  value->column = old != NULL ? old->column : node->column;
  ts_yaml_set (node, parts[last], value);
  return TRUE;
}
