/* lab/vault/script.h -- a script of a recovery plan, run on a VMM server (HVR reference 4.5).
 *
 * A real executable of the server's library, with a limit: when that has passed, it and all that it
 * has started are killed.  What it says is kept in files; of each, the first 4 KiB are handed back.
 * In the default main context. */
#pragma once
#include <glib.h>

typedef struct {
  gboolean missing; /* there is no such executable in the library */
  gboolean killed;  /* it was still running at its limit */
  gint exit_status; /* 0: well; a signal: 128 and its number */
  char *output, *complaint; /* UTF-8; whoever hears it does not keep them */
} TsLabScriptEnd;

typedef struct _TsLabScript TsLabScript;
/* path: below library, without "..".  kept: folder for NAME.out and NAME.err, made.  Ends by done, once,
 * never from within this call; the script is freed after that. */
TsLabScript *ts_lab_script_run (const char *library, const char *path, char **arguments, gint64 limit_us,
                                const char *kept, const char *name,
                                void (*done) (TsLabScript *script, const TsLabScriptEnd *end, gpointer user),
                                gpointer user);
void ts_lab_script_free (TsLabScript *script); /* kills it; not heard of again; NULL is fine */
