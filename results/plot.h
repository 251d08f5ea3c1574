/* results/plot.h -- plots of a run by gnuplot: data and scripts first, then pictures from them.
 *
 * FOLDER/plots holds NAME.tsv (header row with units), NAME.gp, the shared preamble.gp and run.gp
 * (title, fault periods), so that a user can draw again by hand: (cd plots && gnuplot NAME.gp).
 * NAME is exposure, pending, bandwidth, throughput or lanes.  Nothing of this can change a verdict.
 */
#pragma once
#include "results/judge.h"

/* Data and scripts into folder/plots, which is made.  TS_ERROR_IO, TS_ERROR_FULL. */
gboolean ts_plot_write (const TsVerdict *verdict, const TsJournal *journal, const char *folder,
                        GError **error);

/* Draws what is in folder/plots: an SVG each, and with png a PNG each too.  Each call of gnuplot
 * has a minute.  TS_ERROR_UNAVAILABLE: no gnuplot in PATH; TS_ERROR_IO: it failed, with the first
 * line of what it said. */
gboolean ts_plot_draw (const char *folder, gboolean png, GError **error);

/* The same for one script, folder/plots/NAME.gp. */
gboolean ts_plot_draw_script (const char *folder, const char *name, gboolean png, GError **error);

/* The texts of the data files, and of run.gp; caller frees. */
char *ts_plot_exposure_tsv (const TsJournal *journal);   /* vm t_us exposure_us */
char *ts_plot_pending_tsv (const TsJournal *journal);    /* vm t_us pending_bytes */
char *ts_plot_bandwidth_tsv (const TsJournal *journal);  /* vm t_us wire_bytes_per_s */
char *ts_plot_throughput_tsv (const TsJournal *journal); /* vm t_us set data_bytes wire_bytes
                                                            transfer_us wire_bytes_per_s */
char *ts_plot_lanes_tsv (const TsJournal *journal);      /* lane vm role what value from_us to_us */
char *ts_plot_faults_tsv (const TsJournal *journal);     /* id fault target mode from_us to_us what
                                                            count */
char *ts_plot_run_gp (const TsVerdict *verdict, const TsJournal *journal);
