/* core/site/message.h -- what a vault and a VMM server tell each other, and a VMM server and the
 * agents on its hosts.
 *
 * A message is a GVariant (usa{sv}): version, kind, fields.  As bytes it is in normal form,
 * little-endian, behind nothing: who carries it keeps messages apart.  Unknown kinds, missing
 * fields, wrong types are refused (TS_ERROR_FORMAT names them); unknown fields are ignored, so that
 * a newer peer of the same version may say more.
 *
 *   Provider -> vault
 *     hello       name s, server s (who it is, for ever), key s, secret s, clock x, version s
 *     heartbeat   clock x
 *     inventory   hosts av, clouds av, networks av, classifications av, vms av
 *     levels      full b, items av (level.h); full: there are no others
 *     result      id s, ok b, code x, reason s, output a{sv}
 *   vault -> Provider
 *     welcome     vault s, secret s (keep it: it proves who you are from now on), clock x
 *     refused     code x, reason s; then it hangs up.  Final when code is TS_SITE_FOREIGN_KEY or
 *                 _EXPIRED_KEY or _NAME_TAKEN: only an operator can help
 *     alive       clock x; the answer to heartbeat
 *     order       id s, verb s, fields a{sv} (vmm.h).  May be said twice
 *     confirm     id s: the result is known, the order may be forgotten
 *     refresh     say inventory and all levels anew
 *   VMM server -> agent
 *     ask         number x, verb s, fields a{sv}
 *     look        say all anew
 *   agent -> VMM server
 *     host        memory x, storage x (bytes that are free), networks as av, classifications av
 *     levels      as above, of this host's machines
 *     said        number x, ok b, code x, reason s: what came of an ask; an ask that takes long is
 *                 answered when it has been begun, and what comes of it is seen in levels
 */
#pragma once
#include "core/site/fields.h"

#define TS_MESSAGE_VERSION 1
#define TS_MESSAGE_BYTES_MAX (4 * 1024 * 1024) /* of its bytes; more is refused */

/* Error codes, of the published classes where one is known (HVR reference 4.6); else CHOICE. */
#define TS_SITE_BUSY 505             /* another operation is in progress */
#define TS_SITE_NOT_CONNECTED 25018  /* the Provider is not connected */
#define TS_SITE_LEFT_CLOUD 23848     /* the machine is on a host outside its cloud */
#define TS_SITE_INVALID_STATE 32775  /* HVR 3.4 */
#define TS_SITE_FAILED 32768         /* HVR 3.4 */
#define TS_SITE_NOT_FOUND 32779      /* no such machine, host, cloud here */
#define TS_SITE_HOST_DOWN 60007      /* the host does not answer */
#define TS_SITE_HOST_REFUSED 40003   /* the host said no */
#define TS_SITE_NO_PLACE 70094       /* no host can take the replica */
#define TS_SITE_SCRIPT_FAILED 28031
#define TS_SITE_SCRIPT_MISSING 28032
#define TS_SITE_SCRIPT_HANGS 28033
#define TS_SITE_FOREIGN_KEY 26001
#define TS_SITE_EXPIRED_KEY 26002
#define TS_SITE_NAME_TAKEN 26003
#define TS_SITE_VERSION 26004
#define TS_SITE_CANCELLED 28040

typedef enum {
  TS_MESSAGE_HELLO,
  TS_MESSAGE_HEARTBEAT,
  TS_MESSAGE_INVENTORY,
  TS_MESSAGE_LEVELS,
  TS_MESSAGE_RESULT,
  TS_MESSAGE_WELCOME,
  TS_MESSAGE_REFUSED,
  TS_MESSAGE_ALIVE,
  TS_MESSAGE_ORDER,
  TS_MESSAGE_CONFIRM,
  TS_MESSAGE_REFRESH,
  TS_MESSAGE_ASK,
  TS_MESSAGE_LOOK,
  TS_MESSAGE_HOST,
  TS_MESSAGE_SAID,
  TS_MESSAGE_KINDS
} TsMessageKind;

const char *ts_message_name (TsMessageKind kind);
/* Takes fields (NULL: none).  Floating. */
GVariant *ts_message_new (TsMessageKind kind, TsFields *fields) G_GNUC_WARN_UNUSED_RESULT;
/* fields: the caller's. */
gboolean ts_message_open (GVariant *message, TsMessageKind *kind, GVariant **fields, GError **error);
/* For crossing a process border. */
GBytes *ts_message_encode (GVariant *message) G_GNUC_WARN_UNUSED_RESULT; /* sinks it */
GVariant *ts_message_decode (GBytes *bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What people are to make of a code. */
const char *ts_site_causes (gint64 code);
const char *ts_site_advice (gint64 code);
