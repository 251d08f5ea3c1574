/* lab/link/talk.c -- see talk.h. */
#include "lab/link/talk.h"
#include "core/base/error.h"
#include "core/site/message.h"

struct _TsLabTalk {
  TsLabLink *link;
  TsLabTalkEvents events;
  void (*connected) (TsLabTalk *talk, gpointer user);
  gpointer user;
  GByteArray *pieces; /* of a message that is coming */
};

static void
break_off (TsLabTalk *talk, const GError *reason)
{
  ts_lab_link_set_events (talk->link, NULL, NULL);
  talk->events.lost (talk, reason, talk->user);
}

static void
heard_frame (TsLabLink *link, TsFrame *frame, gpointer user)
{
  TsLabTalk *talk = user;
  g_autoptr (GError) error = NULL;
  gsize len_bytes = 0;
  const void *data = frame->payload ? g_bytes_get_data (frame->payload, &len_bytes) : NULL;
  if (frame->kind != TS_FRAME_MESSAGE)
    ts_throw (&error, TS_ERROR_FORMAT, "the peer speaks of something else");
  else if (talk->pieces->len + len_bytes > TS_MESSAGE_BYTES_MAX || frame->value > TS_MESSAGE_BYTES_MAX)
    ts_throw (&error, TS_ERROR_FORMAT, "a message is longer than %d bytes", TS_MESSAGE_BYTES_MAX);
  if (error) {
    break_off (talk, error);
    return;
  }
  if (len_bytes > 0)
    g_byte_array_append (talk->pieces, data, (guint)len_bytes);
  if (frame->value > 0)
    return;
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (talk->pieces);
  talk->pieces = g_byte_array_new ();
  g_autoptr (GVariant) message = ts_message_decode (bytes, &error);
  if (message)
    talk->events.message (talk, message, talk->user);
  else
    break_off (talk, error);
}

static void
heard_connected (TsLabLink *link, const char *peer, gpointer user)
{
  TsLabTalk *talk = user;
  if (talk->connected)
    talk->connected (talk, talk->user);
}

static void
heard_lost (TsLabLink *link, const GError *reason, gpointer user)
{
  TsLabTalk *talk = user;
  talk->events.lost (talk, reason, talk->user);
}

TsLabTalk *
ts_lab_talk_new (TsLabLink *link, const TsLabTalkEvents *events, gpointer user)
{
  static const TsLabLinkEvents heard = {heard_connected, heard_frame, heard_lost};
  TsLabTalk *talk = g_new0 (TsLabTalk, 1);
  talk->link = link;
  talk->events = *events;
  talk->user = user;
  talk->pieces = g_byte_array_new ();
  ts_lab_link_set_events (link, &heard, talk);
  return talk;
}

void
ts_lab_talk_on_connected (TsLabTalk *talk, void (*connected) (TsLabTalk *talk, gpointer user))
{
  talk->connected = connected;
}

void
ts_lab_talk_say (TsLabTalk *talk, GVariant *message)
{
  g_autoptr (GBytes) bytes = ts_message_encode (message);
  gsize len_bytes = g_bytes_get_size (bytes), at = 0;
  do {
    gsize piece = MIN (len_bytes - at, TS_FRAME_PAYLOAD_MAX);
    TsFrame frame = {.kind = TS_FRAME_MESSAGE, .value = len_bytes - at - piece};
    frame.payload = g_bytes_new_from_bytes (bytes, at, piece);
    ts_lab_link_send (talk->link, &frame, TRUE);
    ts_frame_clear (&frame);
    at += piece;
  } while (at < len_bytes);
}

const char *
ts_lab_talk_peer (const TsLabTalk *talk)
{
  return ts_lab_link_peer (talk->link);
}

void
ts_lab_talk_free (TsLabTalk *talk)
{
  if (!talk)
    return;
  ts_lab_link_free (talk->link);
  g_byte_array_unref (talk->pieces);
  g_free (talk);
}
