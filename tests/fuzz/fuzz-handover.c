/* Any bytes as a message between two hosts of a cloud, as what one has kept of a handover, and as a
 * relation's baggage: refused, or taken; nothing falls over it. */
#include <stdint.h>
#include <string.h>
#include "core/relation/move.h"
#include "core/site/handover.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);

static void
step (TsHandover *h, TsHandoverEvent event)
{
  g_autoptr (TsActions) out = ts_actions_new ();
  event.now_us = 1000000;
  ts_handover_step (h, &event, out);
  for (guint i = 0; i < out->len; i++) { /* what answers does */
    TsActionKind kind = g_array_index (out, TsAction, i).kind;
    if (kind == TS_ACTION_HAND_HOLD || kind == TS_ACTION_HAND_CARRY ||
        kind == TS_ACTION_HAND_SETTLE || kind == TS_ACTION_HAND_TAKE)
      step (h, (TsHandoverEvent){.kind = TS_HANDOVER_DONE, .action = kind, .ok = TRUE});
  }
}

static void
hear (TsHandover *h, GBytes *message)
{
  step (h, (TsHandoverEvent){.kind = TS_HANDOVER_HEARD, .peer = "a", .message = message});
  step (h, (TsHandoverEvent){.kind = TS_HANDOVER_HEARD, .peer = "a", .message = message});
  step (h, (TsHandoverEvent){.kind = TS_HANDOVER_LOST, .reason = "gone"});
  step (h, (TsHandoverEvent){.kind = TS_HANDOVER_TICK});
}

static void
baggage (GBytes *bytes)
{
  TsPolicy policy;
  TsHostSettings settings;
  ts_policy_init (&policy);
  ts_host_settings_init (&settings);
  TsSenderOptions options = {.vm = "app", .host = "b", .policy = &policy};
  options.hello.vm.bytes[0] = 1;
  options.hello.disks = 2;
  for (guint i = 0; i < 2; i++)
    options.hello.disk[i].size_bytes = 1048576;
  g_autoptr (TsActions) out = ts_actions_new ();
  g_autoptr (TsSender) sender = ts_move_unpack_sender (&options, bytes, out, NULL);
  g_autoptr (TsReceiver) receiver = ts_move_unpack_receiver ("b", &settings, bytes, out, NULL);
  TsEvent tick = {.now_us = 1000000, .kind = TS_EVENT_TICK};
  if (sender)
    ts_sender_step (sender, &tick, out);
  if (receiver)
    ts_receiver_step (receiver, &tick, out);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, len_bytes);
  g_autofree char *vm = ts_handover_message_vm (bytes);
  ts_handover_message_name (bytes);
  g_autoptr (TsHandover) idle = ts_handover_new ("app", "b");
  hear (idle, bytes);
  g_autoptr (TsHandover) giver = ts_handover_new ("app", "b");
  step (giver, (TsHandoverEvent){.kind = TS_HANDOVER_BEGIN, .peer = "a", .was_on = TRUE});
  step (giver, (TsHandoverEvent){.kind = TS_HANDOVER_CONNECTED});
  hear (giver, bytes);
  g_autoptr (TsHandover) kept = ts_handover_restore ("app", "b", bytes, NULL);
  if (kept)
    hear (kept, bytes);
  baggage (bytes);
  return 0;
}
