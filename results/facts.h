/* results/facts.h -- what the journal tells about one VM, gathered once.
 *
 * Private to results/.  Times are -1 where the journal does not tell them. */
#pragma once
#include "results/journal.h"

typedef struct {
  gint64 t_us;       /* from then on ... */
  gint64 instant_us; /* ... the newest usable point represents this instant */
} TsPointStep;

typedef struct { /* a time during which the VM was protected: some of the points */
  guint first, count;   /* they never fall; those of another leg may begin anew */
  gint64 from_us, to_us; /* from the first point, or a failover taken back; to the disaster, or the end */
} TsLeg;

typedef struct {
  char *vm;
  GPtrArray *records; /* const TsRecord *, those that name the VM, by (time, order of hearing) */
  gint64 end_us;      /* of the whole journal */
  gboolean own;       /* a machine of the user's own: no ledger is kept of it */
  gint64 acked, survived; /* of its records: the last one promised by the machine that failed (or
                             was moved), and the last one found on the copy; -1: not told */
  GArray *turned_away;    /* gint64: when a host refused a connection, of whomever */
  GPtrArray *managed;     /* const TsRecord *: of a vault's jobs and Providers, and of copies that serve,
                             of whichever VM */

  gboolean is_protected; /* a policy or a point was told */
  gint64 interval_us;    /* of the last policy */
  GArray *points;        /* TsPointStep, t_us ascending, instant_us never falling within a leg */
  GArray *legs;          /* TsLeg, by time */

  /* One failover of the VM: which, of how many.  Records from..to (not it) are of it: those behind
   * the one before it was taken back (cancelled) or gone on from (reversed), until that is so of this
   * one; its copy may be heard until the next one's command.  A failover is one that was promoted;
   * commands before that are tries of the same.  0 of 0: nobody failed over. */
  guint failover, failovers;
  guint from, to, heard_to;
  gboolean reversed, cancelled; /* at over_us; neither: it is as it stands at the end */
  gint64 over_us;
  gint64 commanded_us, promoted_us;
  gboolean planned;
  char *copy;             /* host of the copy, or NULL */
  gint64 instant_us;      /* of the point taken */
  gint64 copy_on_us;      /* the copy's machine started */
  gint64 ready_us;        /* the copy's guest was ready */
  gint64 served_us;       /* the first good probe of the copy */
  gint64 power_lost_us;   /* the machine lost power (the last time before the command) */
  gint64 probe_failed_us; /* the first bad probe from the disaster on */
  gint64 disaster_us;     /* power lost; without it the failover's command */
  gint64 survey_begun_us, survey_done_us; /* the last survey of the copy; done may be missing */
  gint64 first_survey_us;                 /* the first one's begin */
  gint64 changed_us; /* another recovery point was chosen, the last time */
  gint64 fill_blocks, fill_bad;
  char *of; /* the VM whose replica's extended relation it is: whose writes it holds; or NULL */
  char **excluded; /* disks that the copy had no content of, since they were not replicated; or NULL */
} TsFacts;

/* vm's facts from the journal. */
TsFacts *ts_facts_new (const TsJournal *journal, const char *vm) G_GNUC_WARN_UNUSED_RESULT;
/* The same of its failover number n, 2 up to facts->failovers (1 is facts itself). */
TsFacts *ts_facts_of_failover (const TsFacts *facts, guint n) G_GNUC_WARN_UNUSED_RESULT;
void ts_facts_free (TsFacts *facts); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsFacts, ts_facts_free)

/* Names of all VMs that the journal knows, sorted; NULL-terminated, free with g_strfreev. */
char **ts_facts_vms (const TsJournal *journal);

/* Until when the VM was protected by what it sent: the last leg's end; without one the disaster when a
 * failover was commanded, else the journal's end. */
gint64 ts_facts_protected_until_us (const TsFacts *facts);
/* How much of [from_us, to_us] it was protected, or was to be for the first time. */
gint64 ts_facts_protected_us (const TsFacts *facts, gint64 from_us, gint64 to_us);

/* Does the record have this kind, and this text in that field? */
gboolean ts_record_is (const TsRecord *record, const char *kind);
gboolean ts_record_says (const TsRecord *record, const char *key, const char *text);
