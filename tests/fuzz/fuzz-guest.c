/* Any bytes as lines of a guest: parsed or FORMAT; what is parsed is within its bounds and, said
 * again, means the same. */
#include <stdint.h>
#include <string.h>
#include "core/base/error.h"
#include "core/format/stamp.h"
#include "lab/world/guest-channel.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);

static char *
say (const TsGuestMessage *m)
{
#define N G_GUINT64_FORMAT
  switch (m->said) {
  case TS_GUEST_READY:
    return g_strdup_printf ("R %" N, m->number);
  case TS_GUEST_ALIVE:
    return g_strdup_printf ("p %" N, m->number);
  case TS_GUEST_WROTE:
    return g_strdup_printf ("W %" N " %u %" N " %" N, m->number, m->disk, m->offset_bytes,
                            m->length_bytes);
  case TS_GUEST_FLUSHED:
    return g_strdup_printf ("F %" N, m->number);
  case TS_GUEST_HELD:
    return g_strdup_printf ("S %u %" N " %" N " %" N " %c", m->disk, m->offset_bytes,
                            m->length_bytes, m->number, m->held);
  case TS_GUEST_FILL:
    return g_strdup_printf ("L %u %" N " %" N, m->disk, m->offset_bytes, m->number);
  case TS_GUEST_SURVEYED:
    return g_strdup_printf ("s %" N " %" N " %" N, m->records, m->fill, m->bad);
  case TS_GUEST_FROZEN:
    return g_strdup_printf ("Z %" N, m->number);
  case TS_GUEST_NOT_FROZEN:
    return g_strdup_printf ("z %" N, m->number);
  case TS_GUEST_TROUBLE:
    return g_strdup_printf ("E %s", m->text);
  }
  g_assert_not_reached ();
}

static void
one_line (const char *line, gsize len)
{
  GError *error = NULL;
  TsGuestMessage message, again;
  if (!ts_guest_message_parse (line, len, &message, &error)) {
    g_assert (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
    g_assert (g_utf8_validate (error->message, -1, NULL));
    g_error_free (error);
    return;
  }
  g_assert (error == NULL && len <= TS_GUEST_LINE_MAX);
  g_assert (message.disk < 16 && message.number <= G_MAXINT64);
  g_assert (message.offset_bytes % TS_STAMP_BLOCK == 0);
  g_assert (message.offset_bytes + message.length_bytes <= G_MAXINT64);
  g_assert (strlen (message.text) < sizeof message.text);
  char *text = say (&message);
  g_assert (ts_guest_message_parse (text, strlen (text), &again, NULL));
  g_assert (memcmp (&message.number, &again.number, sizeof message.number) == 0);
  g_assert (message.said == again.said && message.disk == again.disk);
  g_assert (message.offset_bytes == again.offset_bytes);
  g_assert (message.length_bytes == again.length_bytes && message.held == again.held);
  g_assert (message.records == again.records && message.fill == again.fill);
  g_assert (message.bad == again.bad && strcmp (message.text, again.text) == 0);
  g_free (text);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes)
{
  const char *line = (const char *)data, *all = line + len_bytes, *end;
  for (; line < all; line = end + 1) {
    end = memchr (line, '\n', (gsize)(all - line));
    if (!end)
      end = all;
    one_line (line, (gsize)(end - line));
  }
  return 0;
}
