/* tests/lab-support.h -- what tests of sites and links need: sockets inside a site, evidence that
 * nothing is left. */
#pragma once
#include <glib.h>
#include <sys/types.h>

/* A new folder for this test; the caller removes it with support_remove_folder and frees it. */
char *support_make_folder (void);
void support_remove_folder (char *folder);

/* A socket that lives in the network namespace of process pid, though we do not. */
int support_socket_in (pid_t pid, int type);
/* Bound to, or connected to, an IPv4 address; waits at most 5 s for a connection. */
void support_bind (int fd, const char *address, guint16 port);
gboolean support_connect (int fd, const char *address, guint16 port);
gboolean support_readable (int fd, gint64 timeout_us);

/* Name of a namespace of pid ("pid", "net"), or NULL: "net:[4026531840]". */
char *support_namespace (pid_t pid, const char *kind);
/* How many processes are in it, of all that we may look at. */
guint support_processes_in (const char *namespace_name, const char *kind);
gboolean support_empties (const char *namespace_name, const char *kind, gint64 timeout_us);

/* Watches a network namespace without keeping it alive: the kernel gives us a number for it.
 * Moves the test into a network namespace of its own.  Returns -1 where that is not permitted. */
int support_watch_network (pid_t pid);
/* TRUE when it is gone for good (no process, socket or device holds it), waiting at most so long.
 */
gboolean support_network_goes (int watch, gint64 timeout_us);

/* The child of parent that calls itself comm; 0: none. */
pid_t support_child_named (pid_t parent, const char *comm);
