#include "results/journal.h"
#include "core/base/error.h"
#include <string.h>

/* A record of ours has a dozen fields of a few hundred bytes; more is not a journal's line, and an
 * unbounded line would make the check for repeated keys quadratic. */
#define FIELDS_MAX 64u
#define LINE_BYTES_MAX (1u << 20)

TsJournal *
ts_journal_new (void)
{
  TsJournal *journal = g_new0 (TsJournal, 1);
  journal->records = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_record_free);
  return journal;
}

void
ts_journal_free (TsJournal *journal)
{
  if (!journal)
    return;
  g_ptr_array_unref (journal->records);
  g_clear_pointer (&journal->by_vm, g_hash_table_unref);
  g_free (journal->damage);
  g_free (journal);
}

void
ts_journal_add (TsJournal *journal, const TsRecord *record)
{
  g_ptr_array_add (journal->records, ts_record_copy (record));
}

/* Looks at what was added since the last time. */
static void
look_over (const TsJournal *const_journal)
{
  TsJournal *journal = (TsJournal *)const_journal; /* what it says stays the same */
  for (; journal->indexed < journal->records->len; journal->indexed++) {
    const TsRecord *record = journal->records->pdata[journal->indexed];
    journal->end_us = MAX (journal->end_us, record->t_us);
    const char *vm = ts_record_get_text (record, "vm");
    if (!vm)
      continue;
    if (!journal->by_vm)
      journal->by_vm =
          g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
    GArray *indices = g_hash_table_lookup (journal->by_vm, vm);
    if (!indices) {
      indices = g_array_new (FALSE, FALSE, sizeof (guint));
      g_hash_table_insert (journal->by_vm, g_strdup (vm), indices);
    }
    g_array_append_val (indices, journal->indexed);
  }
}

const GArray *
ts_journal_of_vm (const TsJournal *journal, const char *vm)
{
  look_over (journal);
  return journal->by_vm ? g_hash_table_lookup (journal->by_vm, vm) : NULL;
}

gint64
ts_journal_end_us (const TsJournal *journal)
{
  look_over (journal);
  return journal->end_us;
}

/* A reader of flat JSON objects.  Not json-glib: that one takes comments, repeated keys and any
 * depth, and turns 2^53 + 1 into a double. */
typedef struct {
  const char *start, *at, *end;
} Cursor;

static gboolean
refuse (const Cursor *c, const char *why, GError **error)
{
  return ts_throw (error, TS_ERROR_FORMAT, "column %d: %s", (int)(c->at - c->start) + 1, why);
}

static void
skip_space (Cursor *c)
{
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
    c->at++;
}

static gboolean
take (Cursor *c, char wanted)
{
  skip_space (c);
  if (c->at == c->end || *c->at != wanted)
    return FALSE;
  c->at++;
  return TRUE;
}

static gboolean
take_word (Cursor *c, const char *word)
{
  gsize len = strlen (word);
  if ((gsize)(c->end - c->at) < len || memcmp (c->at, word, len) != 0)
    return FALSE;
  c->at += len;
  return TRUE;
}

static gboolean
take_hex4 (Cursor *c, gunichar *value)
{
  *value = 0;
  if (c->end - c->at < 4)
    return FALSE;
  for (int i = 0; i < 4; i++) {
    int digit = g_ascii_xdigit_value (*c->at);
    if (digit < 0)
      return FALSE;
    *value = *value * 16 + (gunichar)digit;
    c->at++;
  }
  return TRUE;
}

/* Behind a backslash. */
static gboolean
take_escape (Cursor *c, GString *out, GError **error)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const char *which = c->at < c->end && *c->at ? strchr (from, *c->at) : NULL;
  if (which) {
    g_string_append_c (out, to[which - from]);
    c->at++;
    return TRUE;
  }
  gunichar high, low;
  if (!take_word (c, "u") || !take_hex4 (c, &high))
    return refuse (c, "not an escape of JSON", error);
  if (high >= 0xd800 && high < 0xdc00) {
    if (!take_word (c, "\\u") || !take_hex4 (c, &low) || low < 0xdc00 || low >= 0xe000)
      return refuse (c, "half a surrogate pair", error);
    high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
  }
  if (high == 0 || !g_unichar_validate (high))
    return refuse (c, "not a character", error);
  g_string_append_unichar (out, high);
  return TRUE;
}

static char *
take_text (Cursor *c, GError **error)
{
  g_autoptr (GString) out = g_string_new (NULL);
  if (!take (c, '"')) {
    refuse (c, "a text in \"\" is wanted", error);
    return NULL;
  }
  while (c->at < c->end && *c->at != '"') {
    if ((guchar)*c->at < 0x20) {
      refuse (c, "a control character inside a text", error);
      return NULL;
    }
    if (*c->at != '\\') {
      g_string_append_c (out, *c->at++);
      continue;
    }
    c->at++;
    if (!take_escape (c, out, error))
      return NULL;
  }
  if (!take (c, '"')) {
    refuse (c, "a text without its end", error);
    return NULL;
  }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* A whole number as JSON writes it, within 64 bits. */
static gboolean
take_number (Cursor *c, gint64 *value, GError **error)
{
  const char *begin = c->at;
  gboolean negative = take_word (c, "-");
  const char *digits = c->at;
  *value = 0;
  while (c->at < c->end && g_ascii_isdigit (*c->at)) {
    gint64 digit = g_ascii_digit_value (*c->at);
    if (__builtin_mul_overflow (*value, 10, value) ||
        __builtin_add_overflow (*value, negative ? -digit : digit, value)) {
      c->at = begin;
      return refuse (c, "a number past 64 bits", error);
    }
    c->at++;
  }
  if (c->at == digits)
    return refuse (c, "a whole number, a text, true or false is wanted", error);
  if (*digits == '0' && c->at - digits > 1)
    return refuse (c, "a number that begins with 0", error);
  if (c->at < c->end && (*c->at == '.' || *c->at == 'e' || *c->at == 'E'))
    return refuse (c, "numbers in a journal are whole", error);
  return TRUE;
}

static gboolean
key_is_fine (const char *key)
{
  if (!*key)
    return FALSE;
  for (; *key; key++)
    if (!g_ascii_islower (*key) && !g_ascii_isdigit (*key) && *key != '_' && *key != '.')
      return FALSE;
  return TRUE;
}

typedef struct {
  TsFieldType type;
  gint64 number;
  char *text;
} Value;

static gboolean
take_value (Cursor *c, Value *value, GError **error)
{
  *value = (Value){.type = TS_FIELD_BOOL};
  skip_space (c);
  if (take_word (c, "true")) {
    value->number = 1;
    return TRUE;
  }
  if (take_word (c, "false"))
    return TRUE;
  if (c->at < c->end && *c->at == '"') {
    value->type = TS_FIELD_TEXT;
    value->text = take_text (c, error);
    return value->text != NULL;
  }
  value->type = TS_FIELD_INT;
  return take_number (c, &value->number, error);
}

/* The head's fields, wherever they stand in the object. */
typedef struct {
  gboolean has_t;
  char *source, *kind;
} Head;

static gboolean
keep (const Cursor *c, TsRecord *record, Head *head, const char *key, Value *value, GError **error)
{
  gboolean is_source = strcmp (key, "source") == 0, is_kind = strcmp (key, "kind") == 0;
  if (strcmp (key, "t_us") == 0) {
    if (value->type != TS_FIELD_INT || value->number < 0 || value->number > TS_TIME_MAX_US)
      return refuse (c, "t_us is a time since the start, 0 or more", error);
    if (head->has_t)
      return refuse (c, "t_us is there twice", error);
    head->has_t = TRUE;
    record->t_us = value->number;
  } else if (is_source || is_kind) {
    char **slot = is_source ? &head->source : &head->kind;
    if (value->type != TS_FIELD_TEXT || !*value->text)
      return refuse (c, "source and kind are texts that are not empty", error);
    if (*slot)
      return refuse (c, "source or kind is there twice", error);
    *slot = g_steal_pointer (&value->text);
  } else if (ts_record_field (record, key)) {
    return refuse (c, "a key that was there before", error);
  } else if (record->fields->len == FIELDS_MAX) {
    return refuse (c, "more fields than a record has", error);
  } else if (value->type == TS_FIELD_TEXT) {
    ts_record_text (record, key, value->text);
  } else if (value->type == TS_FIELD_BOOL) {
    ts_record_bool (record, key, value->number != 0);
  } else {
    ts_record_int (record, key, value->number);
  }
  return TRUE;
}

static gboolean
take_member (Cursor *c, TsRecord *record, Head *head, GError **error)
{
  g_autofree char *key = take_text (c, error);
  if (!key)
    return FALSE;
  if (!key_is_fine (key))
    return refuse (c, "keys are of a-z, 0-9, '_' and '.'", error);
  if (!take (c, ':'))
    return refuse (c, "':' is wanted", error);
  Value value;
  gboolean fine = take_value (c, &value, error) && keep (c, record, head, key, &value, error);
  g_free (value.text);
  return fine;
}

static gboolean
take_object (Cursor *c, TsRecord *record, Head *head, GError **error)
{
  if (!take (c, '{'))
    return refuse (c, "'{' is wanted", error);
  do {
    if (!take_member (c, record, head, error))
      return FALSE;
  } while (take (c, ','));
  if (!take (c, '}'))
    return refuse (c, "',' or '}' is wanted", error);
  skip_space (c);
  if (c->at != c->end)
    return refuse (c, "something stands behind the object", error);
  if (!head->has_t || !head->source || !head->kind)
    return refuse (c, "t_us, source and kind are wanted", error);
  return TRUE;
}

TsRecord *
ts_journal_parse_line (const char *line, gsize len, GError **error)
{
  if (len > LINE_BYTES_MAX) {
    ts_throw (error, TS_ERROR_FORMAT, "a line of %" G_GSIZE_FORMAT " bytes", len);
    return NULL;
  }
  if (!g_utf8_validate_len (line, len, NULL)) {
    ts_throw (error, TS_ERROR_FORMAT, "not UTF-8");
    return NULL;
  }
  Cursor c = {line, line, line + len};
  Head head = {0};
  g_autoptr (TsRecord) record = ts_record_new (0, "", "");
  gboolean fine = take_object (&c, record, &head, error);
  if (fine) {
    g_free (record->source);
    g_free (record->kind);
    record->source = g_steal_pointer (&head.source);
    record->kind = g_steal_pointer (&head.kind);
  }
  g_free (head.source);
  g_free (head.kind);
  return fine ? g_steal_pointer (&record) : NULL;
}

TsJournal *
ts_journal_parse (const char *text, gsize len, GError **error)
{
  g_autoptr (TsJournal) journal = ts_journal_new ();
  const char *end = text + len;
  for (guint number = 1; text < end; number++) {
    const char *stop = memchr (text, '\n', (gsize)(end - text));
    if (!stop) {
      journal->damage = g_strdup_printf ("line %u: not finished", number);
      break;
    }
    TsRecord *record = ts_journal_parse_line (text, (gsize)(stop - text), error);
    if (!record) {
      g_prefix_error (error, "line %u: ", number);
      return NULL;
    }
    g_ptr_array_add (journal->records, record);
    text = stop + 1;
  }
  return g_steal_pointer (&journal);
}

TsJournal *
ts_journal_read (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  gsize len;
  g_autoptr (GError) why = NULL;
  if (!g_file_get_contents (path, &text, &len, &why)) {
    ts_throw (error, TS_ERROR_IO, "%s", why->message);
    return NULL;
  }
  TsJournal *journal = ts_journal_parse (text, len, error);
  if (!journal)
    g_prefix_error (error, "%s: ", path);
  return journal;
}
