/* lab/link/talk.h -- messages (core/site/message.h) over a link: between a vault and a VMM server, and
 * between a VMM server and the agents on its hosts.
 *
 * A message crosses as the pieces that fit frames, in order.  What is no message, or longer than
 * TS_MESSAGE_BYTES_MAX, ends the talk, as a broken link does.  In the default main context. */
#pragma once
#include <glib.h>
#include "lab/link/link.h"

typedef struct _TsLabTalk TsLabTalk;

typedef struct {
  void (*message) (TsLabTalk *talk, GVariant *message, gpointer user); /* may free the talk */
  /* Once, last; may free the talk. */
  void (*lost) (TsLabTalk *talk, const GError *reason, gpointer user);
} TsLabTalkEvents;

/* Takes a link that is connected, or being connected (what is said waits then). */
TsLabTalk *ts_lab_talk_new (TsLabLink *link, const TsLabTalkEvents *events, gpointer user);
/* Hears when the link of a talk that was begun early is connected. */
void ts_lab_talk_on_connected (TsLabTalk *talk, void (*connected) (TsLabTalk *talk, gpointer user));
void ts_lab_talk_say (TsLabTalk *talk, GVariant *message); /* sinks a floating one */
const char *ts_lab_talk_peer (const TsLabTalk *talk);
void ts_lab_talk_free (TsLabTalk *talk); /* NULL is fine; not heard as lost */
