#include "results/ledger.h"
#include "core/base/error.h"
#include "results/journal.h"
#include <string.h>

static const char *const kind_names[] = {"write", "flush", "held"};
static const char *const held_names[] = {"whole", "torn", "corrupt", "fill"};

enum { KIND, T_US, VM, DISK, OFFSET, LENGTH, SEQUENCE, COPY, HELD, COLUMNS };

TsLedger *
ts_ledger_new (void)
{
  TsLedger *ledger = g_new0 (TsLedger, 1);
  ledger->entries = g_array_new (FALSE, FALSE, sizeof (TsLedgerEntry));
  ledger->texts = g_string_chunk_new (256);
  return ledger;
}

void
ts_ledger_free (TsLedger *ledger)
{
  if (!ledger)
    return;
  g_array_unref (ledger->entries);
  g_string_chunk_free (ledger->texts);
  g_free (ledger->damage);
  g_free (ledger);
}

/* The ledger's own copy of a text.  The same few names come again and again: a look at where one
 * was last saves asking the chunk's table. */
static const char *
keep (TsLedger *ledger, const char *text)
{
  if (!text || !*text)
    return "";
  guint hash = 0;
  for (const char *at = text; *at; at++)
    hash = hash * 31 + (guchar)*at;
  const char **recent = &ledger->recent[hash % G_N_ELEMENTS (ledger->recent)];
  if (!*recent || strcmp (*recent, text) != 0)
    *recent = g_string_chunk_insert_const (ledger->texts, text);
  return *recent;
}

void
ts_ledger_add (TsLedger *ledger, const TsLedgerEntry *entry)
{
  TsLedgerEntry mine = *entry;
  mine.vm = keep (ledger, entry->vm);
  mine.disk = keep (ledger, entry->disk);
  mine.copy = keep (ledger, entry->copy);
  if (mine.kind != TS_LEDGER_HELD)
    mine.held = TS_HELD_WHOLE; /* means nothing there; one value, so that entries can be compared */
  g_array_append_val (ledger->entries, mine);
}

const TsLedgerEntry *
ts_ledger_get (const TsLedger *ledger, guint index)
{
  g_assert (index < ledger->entries->len);
  return &g_array_index (ledger->entries, TsLedgerEntry, index);
}

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

static const char *
or_dash (const char *text)
{
  return text && *text ? text : "-";
}

static char *
put_text (char *to, const char *text)
{
  for (; *text; text++) {
    g_assert (*text != '\t' && *text != '\r' && *text != '\n');
    *to++ = *text;
  }
  *to = '\t';
  return to + 1;
}

static char *
put_number (char *to, guint64 value)
{
  char digits[20];
  guint count = 0;
  do
    digits[count++] = (char)('0' + value % 10);
  while ((value /= 10) > 0);
  while (count > 0)
    *to++ = digits[--count];
  *to = '\t';
  return to + 1;
}

/* By hand, not by a format: a planning run has millions of rows. */
void
ts_ledger_format (const TsLedgerEntry *entry, GString *out)
{
  g_assert (entry->t_us >= 0);
  const char *texts[] = {ts_ledger_kind_name (entry->kind), or_dash (entry->vm),
                         or_dash (entry->disk), or_dash (entry->copy),
                         entry->kind == TS_LEDGER_HELD ? ts_held_state_name (entry->held) : "-"};
  gsize room = 4 * 21;
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    room += strlen (texts[i]) + 1;
  gsize old = out->len;
  if (out->allocated_len <= old + room)
    g_string_set_size (out, 2 * (old + room)); /* grows; cut below */
  char *to = out->str + old;
  to = put_text (to, texts[0]);
  to = put_number (to, (guint64)entry->t_us);
  to = put_text (to, texts[1]);
  to = put_text (to, texts[2]);
  to = put_number (to, entry->offset_bytes);
  to = put_number (to, entry->length_bytes);
  to = put_number (to, entry->sequence);
  to = put_text (to, texts[3]);
  to = put_text (to, texts[4]);
  to[-1] = '\n';
  out->len = (gsize)(to - out->str);
  out->str[out->len] = '\0';
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
