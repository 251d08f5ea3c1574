#include "results/loss.h"
#include <string.h>

/* What of the ledger concerns one failover, as arrays of const TsLedgerEntry *. */
typedef struct {
  const TsFacts *facts;
  GArray *entries;   /* TsLedgerEntry: of this VM; the others point into it */
  GPtrArray *writes; /* acknowledged before the copy took over, by sequence */
  GPtrArray *known;  /* all writes heard up to the survey, by sequence */
  GPtrArray *held;   /* whole records of the last survey, by (disk, offset, sequence) */
  GPtrArray *broken; /* torn and corrupt ones, in order of hearing */
  guint64 held_longest_bytes;
  guint64 held_fill;         /* good blocks of the fill */
  guint64 flushed_all;       /* newest sequence that a flush of all disks covers */
  guint64 flushed_by_instant; /* and that was told by the point's instant */
  GHashTable *flushed_disks; /* disk -> guint64 *: and one of that disk.  Looked up, never walked */
} Books;

static gint
compare_u64 (guint64 a, guint64 b)
{
  return a < b ? -1 : a > b;
}

static gint
by_sequence (gconstpointer a, gconstpointer b)
{
  const TsLedgerEntry *x = *(gpointer const *)a, *y = *(gpointer const *)b;
  gint order = compare_u64 (x->sequence, y->sequence);
  order = order ? order : strcmp (x->disk, y->disk);
  return order ? order : compare_u64 (x->offset_bytes, y->offset_bytes);
}

static gint
by_place (gconstpointer a, gconstpointer b)
{
  const TsLedgerEntry *x = *(gpointer const *)a, *y = *(gpointer const *)b;
  gint order = strcmp (x->disk, y->disk);
  order = order ? order : compare_u64 (x->offset_bytes, y->offset_bytes);
  return order ? order : compare_u64 (x->sequence, y->sequence);
}

/* Until when a write that the ledger heard of was promised by the old machine.  With its power
 * gone, or cleanly shut down, all that is heard before the copy runs is its: the word of a write
 * travels some time, and may arrive after the disaster that it came before.  When the operator took
 * over from a machine that still ran, only what was promised before his command counts. */
static gint64
promised_until_us (const TsFacts *facts)
{
  const gint64 seen_us[] = {facts->survey_begun_us, facts->copy_on_us, facts->ready_us,
                            facts->first_survey_us};
  gint64 until_us = G_MAXINT64;
  if (facts->power_lost_us < 0 && !facts->planned)
    return facts->disaster_us;
  for (guint i = 0; i < G_N_ELEMENTS (seen_us); i++)
    if (seen_us[i] >= 0)
      until_us = MIN (until_us, seen_us[i]);
  /* a copy that nobody has seen run cannot have written before it was promoted */
  return until_us < G_MAXINT64 ? until_us : MAX (facts->promoted_us, facts->disaster_us);
}

static void
hear_flush (Books *books, const TsLedgerEntry *entry)
{
  if (!*entry->disk) {
    books->flushed_all = MAX (books->flushed_all, entry->sequence);
    if (entry->t_us <= books->facts->instant_us)
      books->flushed_by_instant = MAX (books->flushed_by_instant, entry->sequence);
    return;
  }
  guint64 *newest = g_hash_table_lookup (books->flushed_disks, entry->disk);
  if (!newest) {
    newest = g_new0 (guint64, 1);
    g_hash_table_insert (books->flushed_disks, (gpointer)entry->disk, newest);
  }
  *newest = MAX (*newest, entry->sequence);
}

static void
hear_held (Books *books, const TsLedgerEntry *entry)
{
  const TsFacts *facts = books->facts;
  if (entry->t_us < facts->survey_begun_us || entry->t_us > facts->survey_done_us ||
      g_strcmp0 (entry->copy, facts->copy) != 0)
    return;
  switch (entry->held) {
  case TS_HELD_WHOLE:
    g_ptr_array_add (books->held, (gpointer)entry);
    books->held_longest_bytes = MAX (books->held_longest_bytes, entry->length_bytes);
    break;
  case TS_HELD_TORN:
  case TS_HELD_CORRUPT:
    g_ptr_array_add (books->broken, (gpointer)entry);
    break;
  case TS_HELD_FILL:
    books->held_fill += entry->sequence;
    break;
  }
}

/* What a third copy (HVR 2.11) holds is what another VM was promised. */
static GArray *
of_vm (const TsLedger *ledger, const TsFacts *facts)
{
  GArray *entries = g_array_new (FALSE, FALSE, sizeof (TsLedgerEntry));
  g_auto (TsLedgerReader) reader = ts_ledger_reader (ledger);
  TsLedgerEntry entry;
  while (ts_ledger_next (&reader, &entry))
    if (strcmp (entry.vm, facts->of && entry.kind != TS_LEDGER_HELD ? facts->of : facts->vm) == 0)
      g_array_append_val (entries, entry);
  return entries;
}

static void
open_books (Books *books, const TsFacts *facts, const TsLedger *ledger, const TsLossCount *before)
{
  gint64 until_us = promised_until_us (facts), since_us = before ? before->since_us : -1;
  *books = (Books){.facts = facts};
  books->writes = g_ptr_array_new ();
  books->known = g_ptr_array_new ();
  books->held = g_ptr_array_new ();
  books->broken = g_ptr_array_new ();
  books->flushed_disks = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  books->entries = of_vm (ledger, facts);
  for (guint i = 0; before && i < before->promised->len; i++)
    g_ptr_array_add (books->writes, &g_array_index (before->promised, TsLedgerEntry, i));
  for (guint i = 0; i < books->entries->len; i++) {
    const TsLedgerEntry *entry = &g_array_index (books->entries, TsLedgerEntry, i);
    if (facts->excluded && g_strv_contains ((const char *const *)facts->excluded, entry->disk))
      continue; /* nobody promised that the copy has it (HVR 2.6) */
    switch (entry->kind) {
    case TS_LEDGER_WRITE:
      if (entry->t_us > since_us && entry->t_us <= until_us)
        g_ptr_array_add (books->writes, (gpointer)entry);
      if (entry->t_us <= facts->survey_done_us)
        g_ptr_array_add (books->known, (gpointer)entry);
      break;
    case TS_LEDGER_FLUSH:
      if (entry->t_us <= until_us)
        hear_flush (books, entry);
      break;
    case TS_LEDGER_HELD:
      hear_held (books, entry);
      break;
    }
  }
  g_ptr_array_sort (books->writes, by_sequence);
  g_ptr_array_sort (books->known, by_sequence);
  g_ptr_array_sort (books->held, by_place);
}

static void
close_books (Books *books)
{
  g_ptr_array_unref (books->writes);
  g_ptr_array_unref (books->known);
  g_ptr_array_unref (books->held);
  g_ptr_array_unref (books->broken);
  g_hash_table_unref (books->flushed_disks);
  g_array_unref (books->entries);
}

static gboolean
was_flushed (const Books *books, const TsLedgerEntry *write)
{
  const guint64 *disk = g_hash_table_lookup (books->flushed_disks, write->disk);
  return write->sequence <= books->flushed_all || (disk && write->sequence <= *disk);
}

/* The first held record of the disk that starts at offset or behind. */
static guint
held_from (const Books *books, const char *disk, guint64 offset_bytes)
{
  guint low = 0, high = books->held->len;
  while (low < high) {
    guint middle = low + (high - low) / 2;
    const TsLedgerEntry *held = books->held->pdata[middle];
    gint order = strcmp (held->disk, disk);
    if (order < 0 || (order == 0 && held->offset_bytes < offset_bytes))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Is every byte of the write's place held by this record or a newer one?  If not, *older tells
 * whether an older record of the workload is (partly) there instead. */
static gboolean
is_held (const Books *books, const TsLedgerEntry *write, gboolean *older)
{
  guint64 at = write->offset_bytes, end = at + write->length_bytes;
  guint64 from = at > books->held_longest_bytes ? at - books->held_longest_bytes : 0;
  *older = FALSE;
  for (guint i = held_from (books, write->disk, from); i < books->held->len; i++) {
    const TsLedgerEntry *held = books->held->pdata[i];
    guint64 held_end = held->offset_bytes + held->length_bytes;
    if (strcmp (held->disk, write->disk) != 0 || held->offset_bytes >= end)
      break;
    if (held_end <= write->offset_bytes)
      continue;
    if (held->sequence < write->sequence)
      *older = TRUE;
    else if (held->offset_bytes <= at)
      at = MAX (at, held_end);
  }
  return at >= end;
}

/* What the ledger heard of this very record; NULL: nothing. */
static const TsLedgerEntry *
find_known (const Books *books, const TsLedgerEntry *held)
{
  guint low = 0, high = books->known->len;
  while (low < high) {
    guint middle = low + (high - low) / 2;
    const TsLedgerEntry *write = books->known->pdata[middle];
    if (write->sequence < held->sequence)
      low = middle + 1;
    else
      high = middle;
  }
  for (; low < books->known->len; low++) {
    const TsLedgerEntry *write = books->known->pdata[low];
    if (write->sequence != held->sequence)
      return NULL;
    if (write->offset_bytes == held->offset_bytes && write->length_bytes == held->length_bytes &&
        strcmp (write->disk, held->disk) == 0)
      return write;
  }
  return NULL;
}

static void
list (TsLossCount *count, const char *class, const TsLedgerEntry *entry)
{
  TsLoss loss = {class,           entry->disk, entry->offset_bytes, entry->length_bytes,
                 entry->sequence, entry->t_us};
  g_array_append_val (count->losses, loss);
}

/* Phantoms, and the highest sequence that is rightly there. */
static guint64
count_held (const Books *books, TsLossCount *count)
{
  guint64 acknowledged = 0, highest = 0;
  gboolean in_flight_seen = FALSE;
  if (books->writes->len > 0) {
    const TsLedgerEntry *last = books->writes->pdata[books->writes->len - 1];
    acknowledged = last->sequence;
  }
  count->held_records = books->held->len;
  for (guint i = 0; i < books->held->len; i++) {
    const TsLedgerEntry *held = books->held->pdata[i];
    const TsLedgerEntry *write = find_known (books, held);
    gboolean known = write != NULL;
    count->beyond += known && write->t_us > books->facts->instant_us;
    if (!known && !in_flight_seen && held->sequence == acknowledged + 1)
      in_flight_seen = known = TRUE; /* on its way when the power went: written, never promised */
    if (known) {
      highest = MAX (highest, held->sequence);
    } else {
      count->phantom++;
      list (count, "phantom", held);
    }
  }
  return highest;
}

static void
count_missing (const Books *books, guint64 highest, TsLossCount *count)
{
  gint64 instant_us = books->facts->instant_us;
  for (guint i = 0; i < books->writes->len; i++) {
    const TsLedgerEntry *write = books->writes->pdata[i];
    gboolean older, flushed = was_flushed (books, write);
    count->unsettled +=
        write->t_us <= instant_us && write->sequence > books->flushed_by_instant;
    if (is_held (books, write, &older))
      continue;
    if (flushed) {
      count->lost++;
      count->lost_bytes += write->length_bytes;
      count->order += write->sequence < highest;
    } else {
      count->unflushed++;
      count->unflushed_bytes += write->length_bytes;
    }
    count->point += write->t_us <= instant_us;
    count->instant += write->sequence <= highest;
    if (count->first_missing_us < 0 || write->t_us < count->first_missing_us)
      count->first_missing_us = write->t_us;
    list (count, flushed ? "lost" : "unflushed", write);
  }
}

/* Places whose record is older than the newest write that was acknowledged there by the point's
 * instant. */
static void
count_stale (const Books *books, TsLossCount *count)
{
  g_autoptr (GPtrArray) writes = g_ptr_array_new ();
  for (guint i = 0; i < books->writes->len; i++) {
    TsLedgerEntry *write = books->writes->pdata[i];
    if (write->t_us <= books->facts->instant_us)
      g_ptr_array_add (writes, write);
  }
  g_ptr_array_sort (writes, by_place);
  for (guint i = 0; i < writes->len; i++) {
    const TsLedgerEntry *write = writes->pdata[i];
    const TsLedgerEntry *next = i + 1 < writes->len ? writes->pdata[i + 1] : NULL;
    gboolean older, newest = !next || next->offset_bytes != write->offset_bytes ||
                             strcmp (next->disk, write->disk) != 0;
    if (newest && !is_held (books, write, &older) && older) {
      count->stale++;
      list (count, "stale", write);
    }
  }
}

static guint
class_rank (const char *class)
{
  static const char *const ranks[] = {"lost", "unflushed", "torn", "corrupt", "stale", "phantom"};
  guint i = 0;
  while (i < G_N_ELEMENTS (ranks) && strcmp (ranks[i], class) != 0)
    i++;
  return i;
}

static gint
compare_losses (gconstpointer a, gconstpointer b)
{
  const TsLoss *x = a, *y = b;
  gint order = compare_u64 (class_rank (x->class), class_rank (y->class));
  order = order ? order : compare_u64 (x->sequence, y->sequence);
  order = order ? order : strcmp (x->disk, y->disk);
  return order ? order : compare_u64 (x->offset_bytes, y->offset_bytes);
}

static gboolean
refuse (TsLossCount *count, const TsFacts *facts)
{
  count->kind = TS_MEASURE_UNKNOWN;
  if (facts->commanded_us < 0) {
    count->why = "nobody failed over";
  } else if (facts->promoted_us < 0 || !facts->copy) {
    count->kind = TS_MEASURE_NEVER;
    count->why = "the failover promoted no copy";
  } else if (facts->own) {
    count->why = "a machine of the user's own: no ledger of its blocks is kept, see loss.records";
  } else if (facts->survey_begun_us < 0) {
    count->why = "the copy's disks were not read back";
  } else if (facts->survey_done_us < 0) {
    count->why = "the copy's disks were read back in part only";
  } else {
    count->kind = TS_MEASURE_VALUE;
  }
  return count->kind != TS_MEASURE_VALUE;
}

/* What the failover behind this one starts from: what this one's copy has, once replication goes on from
 * it (all of it, when nobody has read its disks: CHOICE); all of it, when it was taken back.  What a
 * copy wrote that was thrown away was promised by nobody; of a source that ran on meanwhile it cannot
 * be told apart (CHOICE: all of that counts). */
static void
promise (const Books *books, const TsFacts *facts, TsLossCount *count)
{
  gboolean older, ran_on = facts->power_lost_us < 0 && !facts->planned;
  gboolean read = count->kind == TS_MEASURE_VALUE;
  for (guint i = 0; i < books->writes->len; i++) {
    const TsLedgerEntry *write = books->writes->pdata[i];
    if (facts->cancelled || !read || is_held (books, write, &older))
      g_array_append_vals (count->promised, write, 1);
  }
  count->since_us = facts->cancelled && !ran_on ? facts->over_us : promised_until_us (facts);
}

TsLossCount *
ts_loss_count (const TsFacts *facts, const TsLedger *ledger, const TsLossCount *before)
{
  TsLossCount *count = g_new0 (TsLossCount, 1);
  count->losses = g_array_new (FALSE, FALSE, sizeof (TsLoss));
  count->promised = g_array_new (FALSE, FALSE, sizeof (TsLedgerEntry));
  count->first_missing_us = -1;
  gboolean refused = refuse (count, facts), last = facts->failover == facts->failovers;
  if (refused && last)
    return count;

  Books books;
  open_books (&books, facts, ledger, before);
  if (!last)
    promise (&books, facts, count);
  if (refused) {
    close_books (&books);
    return count;
  }
  for (guint i = 0; i < books.broken->len; i++) {
    const TsLedgerEntry *broken = books.broken->pdata[i];
    gboolean torn = broken->held == TS_HELD_TORN;
    count->torn += torn;
    count->corrupt += !torn;
    list (count, torn ? "torn" : "corrupt", broken);
  }
  guint64 highest = count_held (&books, count);
  count_missing (&books, highest, count);
  count_stale (&books, count);
  /* fill_blocks are those that should be there; what is neither good nor bad is missing */
  guint64 blocks = (guint64)MAX (facts->fill_blocks, 0), bad = (guint64)MAX (facts->fill_bad, 0);
  guint64 seen = books.held_fill + bad;
  count->fill = bad + (blocks > seen ? blocks - seen : 0);
  close_books (&books);
  g_array_sort (count->losses, compare_losses);
  return count;
}

void
ts_loss_count_free (TsLossCount *count)
{
  if (!count)
    return;
  g_array_unref (count->losses);
  g_array_unref (count->promised);
  g_free (count);
}
