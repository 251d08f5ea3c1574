/* lab/machine/tracker-raw.c -- see tracker-raw.h.
 *
 * Why the blocks in question are all in the bitmap: QEMU marks a block when the write to it has
 * ended.  A transaction begins by waiting for all writes under way (QEMU 7.2 blockdev.c,
 * qmp_transaction: bdrv_drain_all), so a write whose data we may have seen is marked in the copy
 * that the transaction makes.  The old data of each are in the job's scratch file: it is copied
 * before a write begins (block/copy-before-write.c). */
#include "lab/machine/tracker-raw.h"
#include <json-glib/json-glib.h>
#include <libvirt/libvirt-qemu.h>
#include <string.h>
#include "lab/machine/machine-internal.h"

#define SEEN "seen-" /* begins a name of ours; not as a checkpoint's does */

/* Returns the member "return" of the answer. */
static JsonNode *
ask_qemu (TsLabMachine *machine, const char *command, GError **error)
{
  char *reply = NULL;
  if (virDomainQemuMonitorCommand (machine->domain, command, &reply, 0) < 0) {
    ts_lab_throw_virt (error, "ask machine %s", machine->name);
    return NULL;
  }
  g_autoptr (JsonNode) root = json_from_string (reply, NULL);
  JsonObject *object = root && JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
  JsonNode *value = object ? json_object_get_member (object, "return") : NULL;
  if (!value)
    ts_throw (error, TS_ERROR_FORMAT, "machine %s answers %s", machine->name, reply);
  free (reply); /* libvirt's, from malloc */
  return value ? json_node_copy (value) : NULL;
}

static JsonObject *
member (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

/* Does the checkpoint's bitmap record what is written to this node? */
static gboolean
records (JsonObject *node, const char *checkpoint)
{
  JsonNode *list = json_object_get_member (node, "dirty-bitmaps");
  JsonArray *bitmaps = list && JSON_NODE_HOLDS_ARRAY (list) ? json_node_get_array (list) : NULL;
  for (guint i = 0; bitmaps && i < json_array_get_length (bitmaps); i++) {
    JsonObject *bitmap = json_array_get_object_element (bitmaps, i);
    if (g_strcmp0 (json_object_get_string_member_with_default (bitmap, "name", ""), checkpoint) ==
            0 &&
        json_object_get_boolean_member_with_default (bitmap, "recording", FALSE))
      return TRUE;
  }
  return FALSE;
}

/* An image without a base whose data are all in a file of their own, offset by offset. */
static const char *
plain_data (JsonObject *node)
{
  JsonObject *image = member (node, "image");
  JsonObject *data = member (member (image, "format-specific"), "data");
  if (!data || json_object_has_member (image, "backing-filename") ||
      !json_object_get_boolean_member_with_default (data, "data-file-raw", FALSE))
    return NULL;
  return json_object_get_string_member_with_default (data, "data-file", NULL);
}

void
ts_lab_raw_find (TsLabRaw *raw, TsLabMachine *machine, guint d, const char *checkpoint)
{
  *raw = (TsLabRaw){.machine = machine, .checkpoint = g_strdup (checkpoint)};
  g_autoptr (GError) why = NULL;
  g_autoptr (JsonNode) answer = ask_qemu (
      machine, "{\"execute\":\"query-named-block-nodes\",\"arguments\":{\"flat\":true}}", &why);
  if (!answer || !JSON_NODE_HOLDS_ARRAY (answer)) {
    g_info ("machine %s: its disks are read through QEMU: %s", machine->name,
            why ? why->message : "an answer of another kind");
    return;
  }
  JsonArray *nodes = json_node_get_array (answer);
  for (guint i = 0; i < json_array_get_length (nodes) && !raw->path; i++) {
    JsonObject *node = json_array_get_object_element (nodes, i);
    JsonObject *image = member (node, "image");
    const char *name = json_object_get_string_member_with_default (node, "node-name", NULL);
    if (!image || !name || !records (node, checkpoint) ||
        g_strcmp0 (json_object_get_string_member_with_default (image, "filename", NULL),
                   machine->disk[d].path) != 0)
      continue;
    const char *path = plain_data (node);
    if (!path || !g_path_is_absolute (path))
      return;
    raw->node = g_strdup (name);
    raw->path = g_strdup (path);
  }
}

char *
ts_lab_raw_bitmap (const TsLabRaw *raw)
{
  return g_strconcat (SEEN, raw->checkpoint, NULL);
}

gboolean
ts_lab_raw_serve (TsLabRaw *raw, GError **error)
{
  g_autofree char *bitmap = ts_lab_raw_bitmap (raw);
  g_autofree char *copy = g_strdup_printf (
      "{\"execute\":\"transaction\",\"arguments\":{\"actions\":["
      "{\"type\":\"block-dirty-bitmap-add\",\"data\":{\"node\":\"%s\",\"name\":\"%s\","
      "\"disabled\":true}},"
      "{\"type\":\"block-dirty-bitmap-merge\",\"data\":{\"node\":\"%s\",\"target\":\"%s\","
      "\"bitmaps\":[\"%s\"]}}]}}",
      raw->node, bitmap, raw->node, bitmap, raw->checkpoint);
  g_autofree char *name = g_strconcat (SEEN, raw->node, NULL);
  g_autofree char *serve = g_strdup_printf (
      "{\"execute\":\"block-export-add\",\"arguments\":{\"type\":\"nbd\",\"id\":\"%s\","
      "\"node-name\":\"%s\",\"name\":\"%s\",\"bitmaps\":[\"%s\"]}}",
      name, raw->node, name, bitmap);
  g_autoptr (JsonNode) copied = ask_qemu (raw->machine, copy, error);
  if (!copied)
    return FALSE;
  raw->export = g_steal_pointer (&name); /* from here on there is something to take away */
  g_autoptr (JsonNode) served = ask_qemu (raw->machine, serve, error);
  return served != NULL;
}

void
ts_lab_raw_clear (TsLabRaw *raw)
{
  if (raw->export) {
    g_autofree char *bitmap = ts_lab_raw_bitmap (raw);
    g_autofree char *remove = g_strdup_printf (
        "{\"execute\":\"block-dirty-bitmap-remove\",\"arguments\":{\"node\":\"%s\",\"name\":\"%s\"}}",
        raw->node, bitmap);
    g_autoptr (GError) why = NULL;
    g_autoptr (JsonNode) removed = ask_qemu (raw->machine, remove, &why);
    if (!removed) /* it is not persistent, records nothing, and its name does not come again */
      g_info ("machine %s: bitmap %s stays: %s", raw->machine->name, bitmap, why->message);
  }
  g_free (raw->checkpoint);
  g_free (raw->node);
  g_free (raw->path);
  g_free (raw->export);
  *raw = (TsLabRaw){NULL, NULL, NULL, NULL, NULL};
}
