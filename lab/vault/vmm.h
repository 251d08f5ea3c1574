/* lab/vault/vmm.h -- the process that is a VMM server with its Provider: `twinsite vmm FOLDER`.
 *
 * Runs inside its site, started by the runner, which wrote FOLDER/config.  Connects out to the vault over
 * TLS; its hosts' agents connect to it over TLS on loopback.  Killed and started again, it goes on by
 * FOLDER/vmm.sqlite.  What scripts of plans say is kept in FOLDER/scripts. */
#pragma once

/* argv: the last argument is the folder.  Exit status: 0, 64 (usage), 70. */
int ts_lab_vmm_main (int argc, char **argv);
