/* lab/host/control.h -- the talk between the runner and a host process: messages over a unix socket.
 *
 *   runner says                                   host says
 *   boot (s vm)                                   ready (s host)
 *   relate (ss + policy: vm, peer, the policy     record (v: core/base/record.h)
 *           as ts_policy_pack has it): before     trouble (s reason): it ends after that
 *           it is asked
 *   ask (suubuxux vm, role, TsAsk, planned, point, TsInitial, begins in us)
 *   shut-down (s vm): the guest has been told; watch it
 *                                                 quit (s vm): tell its guest to power off
 *   frozen (stbs vm, number, is it?, why not)     freeze (st vm, number): ask its guest
 *   die-at (uuu TsActionKind, TsDeathMoment, which one): a fault, SIGKILL there
 *   ping (sbt vm, of a test?, number): ask its    pong (sbtbs vm, of a test?, number, does it
 *        guest agent                                    answer?, why not)
 *                                                 thaw (st vm, number)
 *   move (sus vm, role, to which host)            hold (s vm): tell its guest to power off; its work
 *                                                        goes on when it is up again, anywhere
 *
 * A message is a length (u32, native) and a GVariant (sv): kind and body.  Reading is done in the
 * default main context; sending blocks until the other end has taken it, at most 10 s. */
#pragma once
#include <glib.h>

typedef struct _TsLabControl TsLabControl;

typedef struct {
  void (*message) (TsLabControl *control, const char *kind, GVariant *body, gpointer user);
  /* Once, last: the other end is gone, or talks nonsense.  Both may free the control. */
  void (*closed) (TsLabControl *control, gpointer user);
} TsLabControlEvents;

/* fd: connected; taken. */
TsLabControl *ts_lab_control_new (int fd, const TsLabControlEvents *events, gpointer user);
void ts_lab_control_free (TsLabControl *control); /* NULL is fine */
/* body is sunk.  TS_ERROR_LOST: nobody hears it. */
gboolean ts_lab_control_send (TsLabControl *control, const char *kind, GVariant *body,
                              GError **error);

/* A descriptor that is handed over before anything is said: sent by who has accepted, received (at most
 * 10 s) by who has connected; -1: it did not come. */
gboolean ts_lab_control_give (int fd, int given, GError **error);
int ts_lab_control_receive (int fd, GError **error);

/* A socket that listens at path, or one that is connected to it; -1 on failure. */
int ts_lab_control_listen (const char *path, GError **error);
int ts_lab_control_connect (const char *path, GError **error);
