/* lab/host/host.h -- the process that is one Hyper-V host: `twinsite host FOLDER`.
 *
 * Runs inside its site, started by the runner (world.h), which wrote FOLDER/config and listens on
 * the control socket named there.  Ends when the runner lets go of it: machines, relations and
 * sockets with it.  What relations persisted in an earlier life is taken up again. */
#pragma once

/* argv: the last argument is the folder.  The process's exit status: 0, 64 (usage), 70 (with the
 * reason on standard error and, if it hears, to the runner). */
int ts_lab_host_main (int argc, char **argv);
