#include "scenarios/engine/yaml.h"
#include <errno.h>
#include <fcntl.h>
#include <libfyaml.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the tree ---- */

static TsYaml *
node_new (TsYamlKind kind)
{
  TsYaml *node = g_new0 (TsYaml, 1);
  node->kind = kind;
  if (kind != TS_YAML_SCALAR)
    node->items = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_yaml_free);
  if (kind == TS_YAML_MAP)
    node->keys = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_yaml_free);
  return node;
}

TsYaml *
ts_yaml_new_scalar (const char *text)
{
  TsYaml *node = node_new (TS_YAML_SCALAR);
  node->text = g_strdup (text);
  node->plain = TRUE;
  return node;
}

TsYaml *
ts_yaml_new_list (void)
{
  return node_new (TS_YAML_LIST);
}

TsYaml *
ts_yaml_new_map (void)
{
  return node_new (TS_YAML_MAP);
}

void
ts_yaml_free (TsYaml *node)
{
  if (node == NULL)
    return;
  g_free (node->text);
  g_clear_pointer (&node->keys, g_ptr_array_unref);
  g_clear_pointer (&node->items, g_ptr_array_unref);
  g_free (node);
}

void
ts_yaml_add (TsYaml *list, TsYaml *value)
{
  g_assert (list->kind == TS_YAML_LIST);
  g_ptr_array_add (list->items, value);
}

static gint
find_key (const TsYaml *map, const char *key)
{
  if (map != NULL && map->kind == TS_YAML_MAP)
    for (guint i = 0; i < map->keys->len; i++)
      if (g_str_equal (((TsYaml *)map->keys->pdata[i])->text, key))
        return (gint)i;
  return -1;
}

void
ts_yaml_set (TsYaml *map, const char *key, TsYaml *value)
{
  g_assert (map->kind == TS_YAML_MAP);
  gint at = find_key (map, key);
  if (at >= 0) {
    ts_yaml_free (map->items->pdata[at]);
    map->items->pdata[at] = value;
    return;
  }
  g_ptr_array_add (map->keys, ts_yaml_new_scalar (key));
  g_ptr_array_add (map->items, value);
}

TsYaml *
ts_yaml_get (const TsYaml *map, const char *key)
{
  gint at = find_key (map, key);
  return at < 0 ? NULL : map->items->pdata[at];
}

gboolean
ts_yaml_is_nothing (const TsYaml *node)
{
  return node->kind == TS_YAML_SCALAR && node->plain && node->text[0] == '\0';
}

const char *
ts_yaml_kind_name (const TsYaml *node)
{
  static const char *const names[] = {"a text", "a list", "a map"};
  return ts_yaml_is_nothing (node) ? "nothing" : names[node->kind];
}

const char **
ts_yaml_words (const TsYaml *map)
{
  guint count = map != NULL && map->kind == TS_YAML_MAP ? map->keys->len : 0;
  const char **words = g_new0 (const char *, count + 1);
  for (guint i = 0; i < count; i++)
    words[i] = ((TsYaml *)map->keys->pdata[i])->text;
  return words;
}

/* ---- reading: events to tree ---- */

typedef struct {
  TsProblems *problems;
  struct fy_parser *parser;
  struct fy_diag *diag;
  guint nodes;
} Reader;

static void
place_of (struct fy_event *event, guint *line, guint *column)
{
  const struct fy_mark *mark = fy_event_start_mark (event);
  *line = mark != NULL && mark->line >= 0 ? (guint)mark->line + 1 : 1;
  *column = mark != NULL && mark->column >= 0 ? (guint)mark->column + 1 : 1;
  /* libfyaml marks a quoted text behind its quote, an alias behind its star; people look for these
   */
  struct fy_token *token = event->type == FYET_SCALAR ? fy_event_get_token (event) : NULL;
  enum fy_scalar_style style = token != NULL ? fy_token_scalar_style (token) : FYSS_PLAIN;
  gboolean behind =
      style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED || event->type == FYET_ALIAS;
  if (behind && *column > 1)
    (*column)--;
}

/* What libfyaml has to say; it sometimes stops without a word. */
static void
tell_syntax (Reader *reader)
{
  void *previous = NULL;
  struct fy_diag_error *error = fy_diag_errors_iterate (reader->diag, &previous);
  if (error != NULL)
    ts_problem (reader->problems, error->line > 0 ? (guint)error->line : 1,
                error->column > 0 ? (guint)error->column : 1, "not YAML: %s",
                error->msg != NULL ? error->msg : "cannot be read");
  else
    ts_problem (reader->problems, 1, 1, "not YAML: cannot be read");
}

static gboolean
event_is_plain_data (Reader *reader, struct fy_event *event)
{
  guint line, column;
  place_of (event, &line, &column);
  gboolean collection = event->type == FYET_MAPPING_START || event->type == FYET_SEQUENCE_START;
  gboolean scalar = event->type == FYET_SCALAR;
  if (event->type == FYET_ALIAS ||
      ((collection || scalar) && fy_event_get_anchor_token (event) != NULL)) {
    ts_problem (reader->problems, line, column,
                "anchors and aliases (&name, *name) are not allowed in a scenario: write it out");
    return FALSE;
  }
  if ((collection || scalar) && fy_event_get_tag_token (event) != NULL) {
    ts_problem (reader->problems, line, column, "tags (!name) are not allowed in a scenario");
    return FALSE;
  }
  return TRUE;
}

/* The node that event begins; reads on to its end.  NULL: told. */
static TsYaml *
read_node (Reader *reader, struct fy_event *event, guint depth)
{
  if (!event_is_plain_data (reader, event))
    return NULL;
  guint line, column;
  place_of (event, &line, &column);
  if (++reader->nodes > TS_YAML_NODES_MAX) {
    ts_problem (reader->problems, line, column, "more than %d values: this is no scenario",
                TS_YAML_NODES_MAX);
    return NULL;
  }
  g_autoptr (TsYaml) node = NULL;
  if (event->type == FYET_SCALAR) {
    struct fy_token *token = fy_event_get_token (event);
    gsize len = 0;
    const char *text = token != NULL ? fy_token_get_text (token, &len) : NULL;
    node = node_new (TS_YAML_SCALAR);
    node->text = text != NULL ? g_strndup (text, len) : g_strdup ("");
    node->plain = token == NULL || fy_token_scalar_style (token) == FYSS_PLAIN;
    node->line = line;
    node->column = column;
    /* "\0" in double quotes is legal YAML, and would cut the text short behind our back */
    if (strlen (node->text) != len) {
      ts_problem (reader->problems, line, column, "a NUL character has no place in a text");
      return NULL;
    }
    return g_steal_pointer (&node);
  }
  g_assert (event->type == FYET_MAPPING_START || event->type == FYET_SEQUENCE_START);
  if (depth >= TS_YAML_DEPTH_MAX) {
    ts_problem (reader->problems, line, column, "nested deeper than %d levels", TS_YAML_DEPTH_MAX);
    return NULL;
  }
  node = node_new (event->type == FYET_MAPPING_START ? TS_YAML_MAP : TS_YAML_LIST);
  node->line = line;
  node->column = column;
  g_autoptr (TsYaml) key = NULL;
  for (;;) {
    struct fy_event *next = fy_parser_parse (reader->parser);
    if (next == NULL) {
      tell_syntax (reader);
      return NULL;
    }
    if (next->type == FYET_MAPPING_END || next->type == FYET_SEQUENCE_END) {
      fy_parser_event_free (reader->parser, next);
      return g_steal_pointer (&node);
    }
    TsYaml *child = read_node (reader, next, depth + 1);
    fy_parser_event_free (reader->parser, next);
    if (child == NULL)
      return NULL;
    if (node->kind == TS_YAML_LIST)
      g_ptr_array_add (node->items, child);
    else if (key != NULL) {
      g_ptr_array_add (node->keys, g_steal_pointer (&key));
      g_ptr_array_add (node->items, child);
    } else {
      key = child;
      if (key->kind != TS_YAML_SCALAR) {
        ts_problem (reader->problems, key->line, key->column, "a key must be a text, this is %s",
                    ts_yaml_kind_name (key));
        return NULL;
      }
      if (find_key (node, key->text) >= 0) {
        const TsYaml *first = node->keys->pdata[find_key (node, key->text)];
        /* told and read on: there may be more to tell */
        ts_problem (reader->problems, key->line, key->column,
                    "key '%s' is given twice; it stands in line %u already", key->text,
                    first->line);
      }
    }
  }
}

static TsYaml *
read_stream (Reader *reader)
{
  g_autoptr (TsYaml) root = NULL;
  guint documents = 0;
  for (;;) {
    struct fy_event *event = fy_parser_parse (reader->parser);
    if (event == NULL) {
      tell_syntax (reader);
      return NULL;
    }
    gboolean good = TRUE, ended = FALSE;
    guint line, column;
    place_of (event, &line, &column);
    switch (event->type) {
    case FYET_STREAM_START:
    case FYET_DOCUMENT_END:
      break;
    case FYET_STREAM_END:
      ended = TRUE;
      break;
    case FYET_DOCUMENT_START:
      good = ++documents == 1;
      if (!good)
        ts_problem (reader->problems, line, column,
                    "a second document begins here; a scenario file holds one");
      break;
    case FYET_NONE:
    case FYET_MAPPING_START:
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_START:
    case FYET_SEQUENCE_END:
    case FYET_SCALAR:
    case FYET_ALIAS:
    default:
      root = read_node (reader, event, 0);
      good = root != NULL;
    }
    fy_parser_event_free (reader->parser, event);
    if (!good)
      return NULL;
    if (ended)
      break;
  }
  if (root == NULL)
    ts_problem (reader->problems, 0, 0, "is empty; a scenario begins with 'scenario: 1'");
  return ts_problems_any (reader->problems) ? NULL : g_steal_pointer (&root);
}

/* Bytes that no text file has: found here, so that libfyaml never meets them. */
static gboolean
check_text (const char *text, gsize len, TsProblems *problems)
{
  const char *end = NULL;
  gboolean utf8 = g_utf8_validate_len (text, len, &end);
  if (utf8)
    for (end = text; end < text + len; end++)
      if ((guchar)*end < 0x20 && !strchr ("\t\n\r", *end))
        break;
  if (end == text + len)
    return TRUE;
  guint line = 1;
  const char *line_start = text;
  for (const char *at = text; at < end; at++)
    if (*at == '\n') {
      line++;
      line_start = at + 1;
    }
  ts_problem (problems, line, (guint)g_utf8_strlen (line_start, end - line_start) + 1,
              utf8 ? "not YAML: control character 0x%02x" : "not YAML: byte 0x%02x is not UTF-8",
              (guchar)*end);
  return FALSE;
}

TsYaml *
ts_yaml_parse (const char *text, gsize len, TsProblems *problems)
{
  if (len > TS_YAML_BYTES_MAX) {
    ts_problem (problems, 0, 0, "is larger than 1 MiB: this is no scenario");
    return NULL;
  }
  if (!check_text (text, len, problems))
    return NULL;
  if (len == 0) { /* libfyaml takes 0 for "measure it" */
    ts_problem (problems, 0, 0, "is empty; a scenario begins with 'scenario: 1'");
    return NULL;
  }
  struct fy_diag_cfg diag_cfg;
  fy_diag_cfg_default (&diag_cfg);
  diag_cfg.fp = NULL;
  diag_cfg.colorize = false;
  Reader reader = {.problems = problems, .diag = fy_diag_create (&diag_cfg)};
  g_assert (reader.diag != NULL);
  fy_diag_set_collect_errors (reader.diag, true);
  struct fy_parse_cfg cfg = {.flags = FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2,
                             .diag = reader.diag};
  reader.parser = fy_parser_create (&cfg);
  TsYaml *root = NULL;
  if (reader.parser == NULL || fy_parser_set_string (reader.parser, text, len) != 0)
    tell_syntax (&reader);
  else
    root = read_stream (&reader);
  fy_parser_destroy (reader.parser);
  fy_diag_destroy (reader.diag);
  return root;
}

static gboolean
read_regular_file (const char *path, GString *text, TsProblems *problems)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us */
  struct stat st;
  if (fd < 0 || fstat (fd, &st) < 0) {
    ts_problem (problems, 0, 0, "cannot be read: %s", g_strerror (errno));
    if (fd >= 0)
      close (fd);
    return FALSE;
  }
  gboolean good = FALSE;
  if (S_ISDIR (st.st_mode))
    ts_problem (problems, 0, 0, "is a directory; name the scenario files in it");
  else if (!S_ISREG (st.st_mode))
    ts_problem (problems, 0, 0, "is not a regular file");
  else {
    /* read one byte more than is allowed: the file may have grown since, and says so there */
    char buffer[65536];
    gssize n = 0;
    while (text->len <= TS_YAML_BYTES_MAX && (n = read (fd, buffer, sizeof buffer)) > 0)
      g_string_append_len (text, buffer, n);
    if (n < 0)
      ts_problem (problems, 0, 0, "cannot be read: %s", g_strerror (errno));
    else if (text->len > TS_YAML_BYTES_MAX)
      ts_problem (problems, 0, 0, "is larger than 1 MiB: this is no scenario");
    else
      good = TRUE;
  }
  close (fd);
  return good;
}

TsYaml *
ts_yaml_load (const char *path, TsProblems *problems)
{
  GString *text = g_string_new (NULL);
  TsYaml *root = NULL;
  if (read_regular_file (path, text, problems))
    root = ts_yaml_parse (text->str, text->len, problems);
  g_string_free (text, TRUE);
  return root;
}

/* ---- writing ---- */

static void
format_scalar (GString *out, const TsYaml *node)
{
  static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                             "_-./+*%()<>= ";
  const char *text = node->text;
  gsize len = strlen (text);
  if (len > 0 && strspn (text, safe) == len && g_ascii_isalnum (text[0]) && text[len - 1] != ' ') {
    g_string_append (out, text);
    return;
  }
  g_string_append_c (out, '"');
  for (const char *at = text; *at != '\0'; at++)
    if (*at == '"' || *at == '\\')
      g_string_append_printf (out, "\\%c", *at);
    else if ((guchar)*at < 0x20)
      g_string_append_printf (out, "\\x%02x", (guchar)*at);
    else
      g_string_append_c (out, *at);
  g_string_append_c (out, '"');
}

/* A map or list of scalars fits on one line, and reads best there. */
static gboolean
is_flat (const TsYaml *node)
{
  if (node->kind == TS_YAML_SCALAR)
    return TRUE;
  for (guint i = 0; i < node->items->len; i++)
    if (((TsYaml *)node->items->pdata[i])->kind != TS_YAML_SCALAR)
      return FALSE;
  return TRUE;
}

static void
format_flow (GString *out, const TsYaml *node)
{
  if (node->kind == TS_YAML_SCALAR) {
    format_scalar (out, node);
    return;
  }
  g_string_append_c (out, node->kind == TS_YAML_MAP ? '{' : '[');
  for (guint i = 0; i < node->items->len; i++) {
    if (i > 0)
      g_string_append (out, ", ");
    if (node->kind == TS_YAML_MAP) {
      format_scalar (out, node->keys->pdata[i]);
      g_string_append (out, ": ");
    }
    format_flow (out, node->items->pdata[i]);
  }
  g_string_append_c (out, node->kind == TS_YAML_MAP ? '}' : ']');
}

static void
format_block (GString *out, const TsYaml *node, guint indent)
{
  for (guint i = 0; i < node->items->len; i++) {
    const TsYaml *item = node->items->pdata[i];
    g_string_append_printf (out, "%*s", (int)indent, "");
    if (node->kind == TS_YAML_LIST) {
      g_string_append (out, "- ");
      format_flow (out, item); /* one step or expectation a line */
      g_string_append_c (out, '\n');
      continue;
    }
    format_scalar (out, node->keys->pdata[i]);
    if (is_flat (item)) {
      g_string_append (out, ": ");
      format_flow (out, item);
      g_string_append_c (out, '\n');
    } else {
      g_string_append (out, ":\n");
      format_block (out, item, indent + 2);
    }
  }
}

char *
ts_yaml_format (const TsYaml *root)
{
  GString *out = g_string_new (NULL);
  if (is_flat (root)) {
    format_flow (out, root);
    g_string_append_c (out, '\n');
  } else
    format_block (out, root, 0);
  return g_string_free (out, FALSE);
}
