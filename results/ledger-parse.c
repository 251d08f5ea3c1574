/* results/ledger-parse.c -- reads ledger.tsv.  See ledger.h. */
#include "core/base/error.h"
#include "results/journal.h"
#include "results/ledger.h"
#include <string.h>

static const char *const kind_names[] = {"write", "flush", "held"};
static const char *const held_names[] = {"whole", "torn", "corrupt", "fill"};

enum { KIND, T_US, VM, DISK, OFFSET, LENGTH, SEQUENCE, COPY, HELD, COLUMNS };

const char *
ts_ledger_kind_name (TsLedgerKind kind)
{
  g_assert ((guint)kind < G_N_ELEMENTS (kind_names));
  return kind_names[kind];
}

const char *
ts_held_state_name (TsHeldState held)
{
  g_assert ((guint)held < G_N_ELEMENTS (held_names));
  return held_names[held];
}

static gboolean
find_word (const char *text, const char *const *words, guint count, guint *index)
{
  for (*index = 0; *index < count; (*index)++)
    if (strcmp (text, words[*index]) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
read_number (const char *text, const char *column, guint64 min, guint64 max, guint64 *value,
             GError **error)
{
  /* g_ascii_string_to_unsigned takes a sign no more than it takes space, but zeros in front */
  if (g_ascii_string_to_unsigned (text, 10, min, max, value, NULL) && (*text != '0' || !text[1]))
    return TRUE;
  return ts_throw (error, TS_ERROR_FORMAT,
                   "%s: a number of %" G_GUINT64_FORMAT " or more is wanted", column, min);
}

/* "-" is the empty text; an empty column is not. */
static gboolean
read_name (const char *text, const char *column, gboolean may_be_empty, const char **name,
           GError **error)
{
  *name = strcmp (text, "-") == 0 ? "" : text;
  if (!*text)
    return ts_throw (error, TS_ERROR_FORMAT, "%s: is empty, \"-\" is wanted", column);
  for (const char *at = text; *at; at++)
    if (g_ascii_iscntrl (*at))
      return ts_throw (error, TS_ERROR_FORMAT, "%s: a control character in a name", column);
  if (!**name && !may_be_empty)
    return ts_throw (error, TS_ERROR_FORMAT, "%s: a name is wanted", column);
  return TRUE;
}

static gboolean
read_columns (char *const *columns, TsLedgerEntry *entry, GError **error)
{
  guint kind, held = TS_HELD_WHOLE;
  guint64 t_us;
  if (!find_word (columns[KIND], kind_names, G_N_ELEMENTS (kind_names), &kind))
    return ts_throw (error, TS_ERROR_FORMAT, "kind: \"%.20s\" is not write, flush or held",
                     columns[KIND]);
  entry->kind = (TsLedgerKind)kind;
  gboolean is_held = entry->kind == TS_LEDGER_HELD, is_flush = entry->kind == TS_LEDGER_FLUSH;
  if (!read_number (columns[T_US], "t_us", 0, TS_TIME_MAX_US, &t_us, error) ||
      !read_name (columns[VM], "vm", FALSE, &entry->vm, error) ||
      !read_name (columns[DISK], "disk", is_flush, &entry->disk, error) ||
      !read_number (columns[OFFSET], "offset_bytes", 0, G_MAXUINT64, &entry->offset_bytes, error) ||
      !read_number (columns[LENGTH], "length_bytes", is_flush ? 0 : 1, G_MAXUINT64,
                    &entry->length_bytes, error) ||
      /* a flush before the first write covers none; garbage names no sequence */
      !read_number (columns[SEQUENCE], "sequence", entry->kind == TS_LEDGER_WRITE ? 1 : 0,
                    G_MAXUINT64, &entry->sequence, error) ||
      !read_name (columns[COPY], "copy", !is_held, &entry->copy, error))
    return FALSE;
  if (entry->offset_bytes > G_MAXUINT64 - entry->length_bytes)
    return ts_throw (error, TS_ERROR_FORMAT, "a range past 64 bits");
  if (is_held ? !find_word (columns[HELD], held_names, G_N_ELEMENTS (held_names), &held)
              : strcmp (columns[HELD], "-") != 0)
    return ts_throw (error, TS_ERROR_FORMAT, "held: \"%.20s\" does not go with kind %s",
                     columns[HELD], columns[KIND]);
  entry->held = (TsHeldState)held;
  entry->t_us = (gint64)t_us;
  return TRUE;
}

static gboolean
read_row (char *line, TsLedger *ledger, GError **error)
{
  char *columns[COLUMNS];
  guint count = 0;
  for (char *at = line; at; count++) {
    char *stop = strchr (at, '\t');
    if (stop)
      *stop++ = '\0';
    if (count < COLUMNS)
      columns[count] = at;
    at = stop;
  }
  if (count != COLUMNS)
    return ts_throw (error, TS_ERROR_FORMAT, "%u columns, not %d", count, COLUMNS);
  TsLedgerEntry entry = {0};
  if (!read_columns (columns, &entry, error))
    return FALSE;
  ts_ledger_add (ledger, &entry);
  return TRUE;
}

TsLedger *
ts_ledger_parse (const char *text, gsize len, GError **error)
{
  g_autoptr (TsLedger) ledger = ts_ledger_new ();
  gsize header_len = strlen (TS_LEDGER_HEADER);
  if (len < header_len && memcmp (text, TS_LEDGER_HEADER, len) == 0) {
    ledger->damage = g_strdup ("line 1: not finished"); /* killed before the first row */
    return g_steal_pointer (&ledger);
  }
  if (len < header_len || memcmp (text, TS_LEDGER_HEADER, header_len) != 0) {
    ts_throw (error, TS_ERROR_FORMAT, "line 1: not the header of a ledger");
    return NULL;
  }
  const char *at = text + header_len, *end = text + len;
  g_autoptr (GString) line = g_string_new (NULL);
  for (guint number = 2; at < end; number++) {
    const char *stop = memchr (at, '\n', (gsize)(end - at));
    if (!stop) {
      ledger->damage = g_strdup_printf ("line %u: not finished", number);
      break;
    }
    g_string_truncate (line, 0);
    g_string_append_len (line, at, stop - at);
    if (!g_utf8_validate_len (line->str, line->len, NULL)) {
      ts_throw (error, TS_ERROR_FORMAT, "line %u: not UTF-8", number);
      return NULL;
    }
    if (!read_row (line->str, ledger, error)) {
      g_prefix_error (error, "line %u: ", number);
      return NULL;
    }
    at = stop + 1;
  }
  return g_steal_pointer (&ledger);
}

TsLedger *
ts_ledger_read (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  gsize len;
  g_autoptr (GError) why = NULL;
  if (!g_file_get_contents (path, &text, &len, &why)) {
    ts_throw (error, TS_ERROR_IO, "%s", why->message);
    return NULL;
  }
  TsLedger *ledger = ts_ledger_parse (text, len, error);
  if (!ledger)
    g_prefix_error (error, "%s: ", path);
  return ledger;
}
