#include "results/judge.h"
#include "core/base/units.h"
#include "results/facts.h"
#include "results/finding.h"
#include "results/verdict.h"
#include <string.h>

typedef struct {
  TsCase the;
  const TsExpectations *expectations;
  TsVerdict *verdict;
  gboolean bitten;              /* every fault left evidence */
  GPtrArray *failures, *doubts; /* char *: what speaks against passing */
} Court;

static void against (GPtrArray *reasons, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
against (GPtrArray *reasons, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_ptr_array_add (reasons, g_strdup_vprintf (format, args));
  va_end (args);
}

static void
judge_expectations (Court *court)
{
  const GPtrArray *all = court->expectations->expectations;
  for (guint i = 0; i < all->len; i++) {
    TsFinding *finding = ts_finding_new (&court->the, all->pdata[i]);
    g_autofree char *text = ts_finding_text (finding);
    g_ptr_array_add (court->verdict->findings, finding);
    if (!finding->conclusive)
      against (court->doubts, "cannot tell: %s", text);
    else if (!finding->must_fail && !finding->passed)
      against (court->failures, "%s", text);
    else if (finding->must_fail && finding->passed && court->bitten)
      against (court->failures, "%s; it holds, and must fail", text);
    else if (finding->must_fail && finding->passed)
      against (court->doubts, "%s; it must fail, but a fault did not bite", text);
  }
}

/* --- invariants, steps, faults, end ----------------------------------------------------------- */

static gint
compare_invariants (gconstpointer a, gconstpointer b)
{
  const TsInvariantFinding *x = *(gpointer const *)a, *y = *(gpointer const *)b;
  return strcmp (x->name, y->name);
}

static void
judge_invariants (Court *court)
{
  GPtrArray *all = court->verdict->invariants;
  for (guint i = 0; i < court->the.journal->records->len; i++) {
    const TsRecord *record = court->the.journal->records->pdata[i];
    const char *name = ts_record_get_text (record, "name");
    if (!ts_record_is (record, "invariant") || !name)
      continue;
    TsInvariantFinding *known = NULL;
    for (guint j = 0; j < all->len && !known; j++) {
      TsInvariantFinding *one = all->pdata[j];
      known = strcmp (one->name, name) == 0 ? one : NULL;
    }
    if (!known) {
      known = g_new0 (TsInvariantFinding, 1);
      known->name = g_strdup (name);
      known->holds = TRUE;
      known->allowed = ts_names_have (court->expectations->allow, name);
      g_ptr_array_add (all, known);
    }
    if (!known->holds)
      continue; /* the first breach is the one to look at */
    known->holds = ts_record_get_int (record, "holds", 0) != 0;
    known->t_us = record->t_us;
    g_free (known->detail);
    known->detail = g_strdup (ts_record_get_text (record, "detail"));
  }
  g_ptr_array_sort (all, compare_invariants);
  for (guint i = 0; i < all->len; i++) {
    const TsInvariantFinding *one = all->pdata[i];
    if (one->holds || one->allowed)
      continue;
    g_autofree char *when = ts_format_duration (one->t_us);
    against (court->failures, "invariant %s is broken: %s, at %s", one->name,
             one->detail ? one->detail : "no detail", when);
  }
}

static void
judge_steps (Court *court)
{
  for (guint i = 0; i < court->the.journal->records->len; i++) {
    const TsRecord *record = court->the.journal->records->pdata[i];
    const char *id = ts_record_get_text (record, "id");
    const char *phase = ts_record_get_text (record, "phase");
    const char *reason = ts_record_get_text (record, "reason");
    if (!ts_record_is (record, "step") || !id || !ts_step_is_over (record) ||
        strcmp (phase, "done") == 0)
      continue;
    if (strcmp (phase, "refused") == 0 && ts_names_have (court->expectations->allow_refused, id))
      continue;
    if (strcmp (phase, "failed") == 0 && strcmp (record->source, "engine") != 0 && ts_names_have (court->expectations->allow_failed, id))
      continue;
    g_autofree char *when = ts_format_duration (record->t_us);
    against (court->failures, "step %s: %s%s%s, at %s", id,
             strcmp (phase, "timeout") == 0 ? "timed out" : phase, reason && *reason ? ": " : "",
             reason ? reason : "", when);
  }
}

static gboolean
has_evidence (const TsJournal *journal, const char *id)
{
  for (guint i = 0; i < journal->records->len; i++) {
    const TsRecord *record = journal->records->pdata[i];
    if (ts_record_is (record, "evidence") && ts_record_says (record, "id", id) &&
        ts_record_get_int (record, "count", 0) > 0)
      return TRUE;
  }
  return FALSE;
}

static void
judge_faults (Court *court)
{
  g_autoptr (GPtrArray) seen = g_ptr_array_new ();
  court->bitten = TRUE;
  for (guint i = 0; i < court->the.journal->records->len; i++) {
    const TsRecord *record = court->the.journal->records->pdata[i];
    const char *id = ts_record_get_text (record, "id");
    const char *fault = ts_record_get_text (record, "fault");
    if (!ts_record_is (record, "fault") || ts_record_says (record, "mode", "up") ||
        (id && ts_names_have (seen, id)))
      continue;
    if (id && has_evidence (court->the.journal, id))
      continue;
    if (id)
      g_ptr_array_add (seen, (gpointer)id);
    court->bitten = FALSE;
    against (court->doubts, "fault %s (%s) left no evidence that it bit", id ? id : "?",
             fault ? fault : "?");
  }
}

/* Says whether the run was skipped. */
static gboolean
judge_end (Court *court, const TsJudgeContext *context, const TsLedger *ledger)
{
  const TsRecord *end = NULL;
  for (guint i = 0; i < court->the.journal->records->len; i++)
    if (ts_record_is (court->the.journal->records->pdata[i], "end"))
      end = court->the.journal->records->pdata[i];
  const char *reason = end ? ts_record_get_text (end, "reason") : NULL;
  const char *skipped = context->skipped;
  if (!skipped && reason && g_str_has_prefix (reason, "skipped: "))
    skipped = reason + strlen ("skipped: ");
  if (skipped) {
    g_ptr_array_add (court->verdict->reasons, g_strdup (skipped));
    return TRUE;
  }
  court->the.completed = g_strcmp0 (reason, TS_END_COMPLETED) == 0;
  if (!end)
    against (court->doubts, "the journal has no end: the run was cut short");
  else if (!court->the.completed)
    against (court->doubts, "the run did not complete: %s", reason ? reason : "no reason");
  if (court->the.journal->damage)
    against (court->doubts, "the journal is damaged: %s", court->the.journal->damage);
  if (ledger->damage)
    against (court->doubts, "the ledger is damaged: %s", ledger->damage);
  return FALSE;
}

static void
move_all (GPtrArray *to, GPtrArray *from)
{
  while (from->len > 0)
    g_ptr_array_add (to, g_ptr_array_steal_index (from, 0));
}

TsVerdict *
ts_judge (const TsJournal *journal, const TsLedger *ledger, const TsExpectations *expectations,
          const TsJudgeContext *context)
{
  g_autoptr (TsMetrics) metrics = ts_metrics_new (journal, ledger);
  g_autoptr (GPtrArray) failures = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) doubts = g_ptr_array_new_with_free_func (g_free);
  Court court = {
      .the = {journal, metrics, expectations->must_fail, FALSE},
      .expectations = expectations,
      .verdict = ts_verdict_new (context, ts_metrics_end_us (metrics)),
      .failures = failures,
      .doubts = doubts,
  };
  TsVerdictKind kind = TS_VERDICT_SKIPPED;
  g_ptr_array_extend (court.verdict->also, expectations->also, NULL, NULL);
  ts_verdict_gather (court.verdict, metrics);
  if (!judge_end (&court, context, ledger)) {
    judge_faults (&court);
    judge_expectations (&court);
    judge_invariants (&court);
    judge_steps (&court);
    for (guint i = 0; i < expectations->published->len; i++)
      g_ptr_array_add (court.verdict->published,
                       ts_published_compare (expectations->published->pdata[i], metrics));
    kind = failures->len > 0 ? TS_VERDICT_FAILED
           : doubts->len > 0 ? TS_VERDICT_INCONCLUSIVE
                             : TS_VERDICT_PASSED;
  }
  move_all (court.verdict->reasons, failures);
  move_all (court.verdict->reasons, doubts);
  ts_verdict_close (court.verdict, kind);
  return court.verdict;
}

TsVerdict *
ts_judge_folder (const char *folder, const TsExpectations *expectations,
                 const TsJudgeContext *context, GError **error)
{
  g_autofree char *journal_path = g_build_filename (folder, "journal.jsonl", NULL);
  g_autofree char *ledger_path = g_build_filename (folder, "ledger.tsv", NULL);
  g_autoptr (TsJournal) journal = ts_journal_read (journal_path, error);
  if (!journal)
    return NULL;
  g_autoptr (TsLedger) ledger = ts_ledger_read (ledger_path, error);
  if (!ledger)
    return NULL;
  return ts_judge (journal, ledger, expectations, context);
}
