/* scenarios/engine/farm.h -- runs cells of a sweep, each in a process of its own, several at once.
 *
 * A process for each cell: one that crashes, hangs or eats all memory takes nothing with it, and
 * what it leaked is gone with it.  A cell's outcome is a file in FOLDER/cells, written by its
 * process, whole or not at all: so a farm that is killed has lost what was running, and no more. */
#pragma once
#include <signal.h>
#include "core/seam/world.h"
#include "scenarios/engine/grid.h"

typedef struct {
  const TsGrid *grid;
  TsStudy *study; /* outcomes are filled in as they come */
  const TsWorldOps *ops;
  const char *folder;  /* has a folder `cells` */
  const GArray *cells; /* guint: those to run; done ones are left out by the caller */
  guint jobs;          /* processes at once */
  const volatile sig_atomic_t *interrupted;                    /* nonzero: stop; NULL: never */
  void (*tell) (gpointer user, guint finished, guint running); /* now and then; NULL: nobody */
  gpointer user;
} TsFarmOptions;

/* Runs them all.  A cell that crashed, or took longer than the sweep's cell_limit, or could not be
 * run, has its `trouble` set and no file.  FALSE: no process could be started (TS_ERROR_IO). */
gboolean ts_farm_run (const TsFarmOptions *options, GError **error);

/* Runs one cell here, and writes its file.  The process's part; also for tests. */
gboolean ts_farm_run_cell (const TsFarmOptions *options, guint cell, GError **error);

/* Reads what FOLDER/cells holds of the study into it.  Returns how many cells were read; a file
 * that is no cell of this study is told in `trouble` of its cell, and will be run again. */
guint ts_farm_read (TsStudy *study, const char *folder);
/* Stores a cell that is done.  TS_ERROR_IO, TS_ERROR_FULL. */
gboolean ts_farm_store (const TsStudy *study, const char *folder, guint cell,
                        const TsStudyCell *what, GError **error);
