/* results/ledger.c -- see ledger.h.
 *
 * Most of an entry has been said before: the same kind of the same disk at the same length.  What
 * does not change is a form, kept once, with the texts of its row; an entry is the form's number and
 * how far time, offset and sequence went on since the last one (offset and sequence: of that form).
 *
 *   PACKED ENTRY  four numbers of 7 bits a byte, low ones first, the top bit set on all but the last:
 *                 form, then the three differences, sign in bit 0 */
#include "results/ledger.h"
#include <string.h>

#define BLOCK_BYTES (64 * 1024)
#define ENTRY_BYTES_MAX 40 /* four numbers of 64 bits take 10 bytes each */
#define FAST_BYTES 24      /* copied as a whole, also when fewer count: that takes no call */
#define ROOM_MAX (4 * FAST_BYTES) /* of a row beside its texts: three numbers, and what does not count */

typedef struct {
  gsize len;
  char *text; /* FAST_BYTES at least are there */
} Text;

typedef struct {
  TsLedgerEntry entry; /* its kind, texts, length and held state */
  guint64 offset_bytes, sequence; /* of its last entry */
  Text text[4]; /* of its row: before t_us, offset and sequence, and behind that */
} Form;

struct _TsLedgerForms {
  GPtrArray *all;      /* Form *: its index is its number */
  GHashTable *by_what; /* Form.entry -> number + 1.  Looked up, never walked */
  GStringChunk *texts;
  guint recent[1024]; /* number + 1, by where an entry's texts are: most come again and again */
};

static guint
hash_text (guint hash, const char *text)
{
  for (; *text; text++)
    hash = hash * 31 + (guchar)*text;
  return hash;
}

static guint
hash_what (gconstpointer key)
{
  const TsLedgerEntry *e = key;
  guint hash = (guint)e->length_bytes * 8 + (guint)e->kind * 4 + (guint)e->held;
  return hash_text (hash_text (hash_text (hash, e->vm), e->disk), e->copy);
}

/* Names are short: calling strcmp takes longer. */
static inline gboolean
same_text (const char *a, const char *b)
{
  while (*a == *b && *a)
    a++, b++;
  return *a == *b;
}

static gboolean
same_what (gconstpointer a, gconstpointer b)
{
  const TsLedgerEntry *x = a, *y = b;
  return x->kind == y->kind && x->held == y->held && x->length_bytes == y->length_bytes &&
         same_text (x->vm, y->vm) && same_text (x->disk, y->disk) && same_text (x->copy, y->copy);
}

static const char *
or_dash (const char *text)
{
  return *text ? text : "-";
}

static void
text_take (Text *text, char *taken)
{
  text->len = strlen (taken);
  text->text = g_realloc (taken, MAX (text->len + 1, FAST_BYTES));
}

static Form *
form_new (TsLedgerForms *forms, const TsLedgerEntry *what)
{
  Form *form = g_new0 (Form, 1);
  form->entry = *what;
  form->entry.vm = g_string_chunk_insert_const (forms->texts, what->vm);
  form->entry.disk = g_string_chunk_insert_const (forms->texts, what->disk);
  form->entry.copy = g_string_chunk_insert_const (forms->texts, what->copy);
  const char *texts[] = {what->vm, what->disk, what->copy};
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_assert (!strpbrk (texts[i], "\t\r\n"));
  text_take (&form->text[0], g_strdup_printf ("%s\t", ts_ledger_kind_name (what->kind)));
  text_take (&form->text[1],
             g_strdup_printf ("\t%s\t%s\t", or_dash (what->vm), or_dash (what->disk)));
  text_take (&form->text[2], g_strdup_printf ("\t%" G_GUINT64_FORMAT "\t", what->length_bytes));
  text_take (&form->text[3],
             g_strdup_printf ("\t%s\t%s\n", or_dash (what->copy),
                              what->kind == TS_LEDGER_HELD ? ts_held_state_name (what->held)
                                                           : "-"));
  g_ptr_array_add (forms->all, form);
  return form;
}

static void
form_free (gpointer data)
{
  Form *form = data;
  for (guint i = 0; i < G_N_ELEMENTS (form->text); i++)
    g_free (form->text[i].text);
  g_free (form);
}

static guint
form_of (TsLedgerForms *forms, const TsLedgerEntry *entry)
{
  TsLedgerEntry what = {.kind = entry->kind,
                        .vm = entry->vm ? entry->vm : "",
                        .disk = entry->disk ? entry->disk : "",
                        .copy = entry->copy ? entry->copy : "",
                        .length_bytes = entry->length_bytes,
                        /* means nothing elsewhere; one value, so that entries can be compared */
                        .held = entry->kind == TS_LEDGER_HELD ? entry->held : TS_HELD_WHOLE};
  gsize where = GPOINTER_TO_SIZE (what.vm) / 8 + GPOINTER_TO_SIZE (what.disk) / 16 * 7 +
                (gsize)what.kind * 31 + (gsize)what.held;
  guint *recent = &forms->recent[where % G_N_ELEMENTS (forms->recent)];
  if (*recent && same_what (&((Form *)forms->all->pdata[*recent - 1])->entry, &what))
    return *recent - 1;
  *recent = GPOINTER_TO_UINT (g_hash_table_lookup (forms->by_what, &what));
  if (*recent == 0) {
    Form *form = form_new (forms, &what);
    *recent = forms->all->len;
    g_hash_table_insert (forms->by_what, &form->entry, GUINT_TO_POINTER (*recent));
  }
  return *recent - 1;
}

TsLedger *
ts_ledger_new (void)
{
  TsLedger *ledger = g_new0 (TsLedger, 1);
  ledger->blocks = g_ptr_array_new_with_free_func (g_free);
  ledger->forms = g_new0 (TsLedgerForms, 1);
  ledger->forms->all = g_ptr_array_new_with_free_func (form_free);
  ledger->forms->by_what = g_hash_table_new (hash_what, same_what);
  ledger->forms->texts = g_string_chunk_new (256);
  return ledger;
}

void
ts_ledger_free (TsLedger *ledger)
{
  if (!ledger)
    return;
  g_ptr_array_unref (ledger->blocks);
  g_hash_table_unref (ledger->forms->by_what);
  g_ptr_array_unref (ledger->forms->all);
  g_string_chunk_free (ledger->forms->texts);
  g_free (ledger->forms);
  g_free (ledger->damage);
  g_free (ledger);
}

/* --- packed ----------------------------------------------------------------------------------- */

static guint8 *
pack (guint8 *to, guint64 value)
{
  for (; value >= 0x80; value >>= 7)
    *to++ = (guint8)(value | 0x80);
  *to++ = (guint8)value;
  return to;
}

static guint8 *
pack_step (guint8 *to, guint64 from, guint64 value)
{
  guint64 step = value - from; /* all of it modulo 2^64 */
  return pack (to, step << 1 ^ (step >> 63 ? G_MAXUINT64 : 0));
}

static guint64
unpack (const guint8 **from)
{
  guint64 value = 0;
  for (guint shift = 0;; shift += 7) {
    guint8 byte = *(*from)++;
    value |= (guint64)(byte & 0x7f) << shift;
    if (byte < 0x80)
      return value;
  }
}

static guint64
unpack_step (const guint8 **from, guint64 value)
{
  guint64 step = unpack (from);
  return value + (step >> 1 ^ (step & 1 ? G_MAXUINT64 : 0));
}

static Form *
add (TsLedger *ledger, const TsLedgerEntry *entry)
{
  g_assert (entry->t_us >= 0);
  if (ledger->blocks->len == 0 || ledger->last_block_used + ENTRY_BYTES_MAX > BLOCK_BYTES) {
    g_ptr_array_add (ledger->blocks, g_malloc (BLOCK_BYTES));
    ledger->last_block_used = 0;
  }
  guint number = form_of (ledger->forms, entry);
  Form *form = ledger->forms->all->pdata[number];
  guint8 *start = ledger->blocks->pdata[ledger->blocks->len - 1];
  guint8 *to = pack (start + ledger->last_block_used, number);
  to = pack_step (to, (guint64)ledger->t_us, (guint64)entry->t_us);
  to = pack_step (to, form->offset_bytes, entry->offset_bytes);
  to = pack_step (to, form->sequence, entry->sequence);
  ledger->last_block_used = (gsize)(to - start);
  ledger->t_us = entry->t_us;
  form->offset_bytes = entry->offset_bytes;
  form->sequence = entry->sequence;
  ledger->len++;
  return form;
}

void
ts_ledger_add (TsLedger *ledger, const TsLedgerEntry *entry)
{
  add (ledger, entry);
}

TsLedgerReader
ts_ledger_reader (const TsLedger *ledger)
{
  TsLedgerReader reader = {.ledger = ledger, .left = ledger->len};
  reader.state = g_new0 (guint64, 2 * MAX (ledger->forms->all->len, 1));
  return reader;
}

void
ts_ledger_reader_clear (TsLedgerReader *reader)
{
  g_clear_pointer (&reader->state, g_free);
}

gboolean
ts_ledger_next (TsLedgerReader *reader, TsLedgerEntry *entry)
{
  if (reader->left == 0)
    return FALSE;
  if (reader->at + ENTRY_BYTES_MAX > BLOCK_BYTES) { /* as add does */
    reader->block++;
    reader->at = 0;
  }
  const guint8 *start = reader->ledger->blocks->pdata[reader->block], *from = start + reader->at;
  guint64 number = unpack (&from), *state = &reader->state[2 * number];
  *entry = ((const Form *)reader->ledger->forms->all->pdata[number])->entry;
  reader->t_us = (gint64)unpack_step (&from, (guint64)reader->t_us);
  entry->t_us = reader->t_us;
  entry->offset_bytes = state[0] = unpack_step (&from, state[0]);
  entry->sequence = state[1] = unpack_step (&from, state[1]);
  reader->at = (gsize)(from - start);
  reader->left--;
  return TRUE;
}

/* --- rows ------------------------------------------------------------------------------------- */

static char *
put_text (char *to, const Text *text)
{
  if (text->len <= FAST_BYTES)
    memcpy (to, text->text, FAST_BYTES);
  else
    memcpy (to, text->text, text->len);
  return to + text->len;
}

#define EIGHT_DIGITS G_GUINT64_CONSTANT (100000000)

/* The digits of a number below 10^8, the first one in the lowest byte: halves, quarters and eighths of
 * it are divided by 10,000, 100 and 10 at once, each in a lane of its own. */
static guint64
eight_digits (guint64 value)
{
  guint64 halves = value / 10000 | value % 10000 << 32;
  guint64 hundreds = halves * 10486 >> 20 & G_GUINT64_CONSTANT (0x0000007f0000007f);
  guint64 quarters = hundreds | (halves - hundreds * 100) << 16;
  guint64 tens = quarters * 103 >> 10 & G_GUINT64_CONSTANT (0x000f000f000f000f);
  return tens | (quarters - tens * 10) << 8;
}

static char *
put_eight (char *to, guint64 digits, guint skip)
{
  guint64 text = GUINT64_TO_LE ((digits | G_GUINT64_CONSTANT (0x3030303030303030)) >> 8 * skip);
  memcpy (to, &text, sizeof text);
  return to + 8 - skip;
}

/* Eight bytes may be written for the first part, whatever it has. */
static char *
put_number (char *to, guint64 value)
{
  if (value >= EIGHT_DIGITS)
    return put_eight (put_number (to, value / EIGHT_DIGITS), eight_digits (value % EIGHT_DIGITS), 0);
  guint64 digits = eight_digits (value); /* leading zeros are left out, but for the last digit */
  return put_eight (to, digits, (guint)__builtin_ctzll (digits | G_GUINT64_CONSTANT (1) << 56) / 8);
}

/* By hand, not by a format: a planning run has millions of rows. */
static void
put_row (const Form *form, const TsLedgerEntry *entry, GString *out)
{
  const Text *text = form->text;
  gsize room = text[0].len + text[1].len + text[2].len + text[3].len + ROOM_MAX;
  gsize old = out->len;
  if (out->allocated_len <= old + room)
    g_string_set_size (out, 2 * (old + room)); /* grows; cut below */
  char *to = put_text (out->str + old, &text[0]);
  to = put_number (to, (guint64)entry->t_us);
  to = put_text (to, &text[1]);
  to = put_number (to, entry->offset_bytes);
  to = put_text (to, &text[2]);
  to = put_number (to, entry->sequence);
  to = put_text (to, &text[3]);
  out->len = (gsize)(to - out->str);
  out->str[out->len] = '\0';
}

void
ts_ledger_add_row (TsLedger *ledger, const TsLedgerEntry *entry, GString *out)
{
  put_row (add (ledger, entry), entry, out);
}

char *
ts_ledger_to_text (const TsLedger *ledger)
{
  GString *text = g_string_new (TS_LEDGER_HEADER);
  g_auto (TsLedgerReader) reader = ts_ledger_reader (ledger);
  TsLedgerEntry entry;
  while (ts_ledger_next (&reader, &entry))
    put_row (ledger->forms->all->pdata[form_of (ledger->forms, &entry)], &entry, text);
  return g_string_free (text, FALSE);
}
