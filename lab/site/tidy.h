/* lab/site/tidy.h -- what runs of the lab are there, and how nothing of a dead one stays.
 *
 * Each run enters itself in a registry (a folder of the user's under /run, $XDG_RUNTIME_DIR or
 * /tmp): a file with its runner's process and those of its sites, each with its start time, so that
 * a number that the kernel has given to another process since is never taken for ours; beside it
 * the folder for the run's sockets.  A run's processes die with their runner all the same (site.h,
 * helper.h); this is for what they cannot take along. */
#pragma once
#include <stdio.h>
#include <glib.h>
#include <sys/types.h>

typedef struct _TsLabRegistration TsLabRegistration;

/* Enters this process's run; run_folder: for who asks what runs.  TS_ERROR_UNAVAILABLE when no
 * place for the registry can be made. */
TsLabRegistration *ts_lab_register (const char *run_folder,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The folder for sockets, empty at first; short. */
const char *ts_lab_registration_sockets (const TsLabRegistration *registration);
/* A process of the run, seen from outside its site. */
gboolean ts_lab_register_process (TsLabRegistration *registration, const char *what, pid_t pid,
                                  GError **error);
/* Machines of the run whose names begin with prefix live under the libvirtd at uri, their files in
 * folder, which ends in "/twinsite-" and the run's id. */
gboolean ts_lab_register_remote (TsLabRegistration *registration, const char *host, const char *uri,
                                 const char *prefix, const char *folder, GError **error);
/* The run has ended: removes its entry and the folder for sockets.  NULL is fine. */
void ts_lab_registration_free (TsLabRegistration *registration);

/* Kills what is left of dead runs and removes their folders for sockets; all: ends living runs of
 * this user too (asks their runner first, 15 s).  What is done is told in report (may be NULL).
 * FALSE when something could not be removed. */
gboolean ts_lab_tidy_down (gboolean all, FILE *report);
/* Of runs that live: the folders that they entered.  NULL-terminated; g_strfreev. */
char **ts_lab_tidy_running (void);
/* One line per run. */
void ts_lab_tidy_ps (FILE *out);
