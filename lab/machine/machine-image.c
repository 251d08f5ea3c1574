/* lab/machine/machine-image.c -- the closed images of a machine that is off: what qemu-img says of them. */
#include "lab/machine/machine-internal.h"
#include <json-glib/json-glib.h>
#include <string.h>
#include <unistd.h>
#include "lab/command.h"

#define IMG_TIMEOUT_US (60 * TS_S)

void
ts_lab_image_clear (TsLabImage *image)
{
  g_clear_pointer (&image->base_path, g_free);
  g_clear_pointer (&image->whole, g_ptr_array_unref);
  g_clear_pointer (&image->torn, g_ptr_array_unref);
}

/* {"bitmaps": [{"name": "x", "flags": ["in-use", "auto"], "granularity": 4096}]} of qcow2 */
static void
read_bitmaps (JsonObject *info, TsLabImage *image)
{
  JsonObject *specific = json_object_has_member (info, "format-specific")
                             ? json_object_get_object_member (info, "format-specific")
                             : NULL;
  JsonObject *data = specific && json_object_has_member (specific, "data")
                         ? json_object_get_object_member (specific, "data")
                         : NULL;
  JsonArray *bitmaps = data && json_object_has_member (data, "bitmaps")
                           ? json_object_get_array_member (data, "bitmaps")
                           : NULL;
  for (guint i = 0; bitmaps && i < json_array_get_length (bitmaps); i++) {
    JsonObject *bitmap = json_array_get_object_element (bitmaps, i);
    JsonArray *flags = json_object_get_array_member (bitmap, "flags");
    gboolean torn = FALSE;
    for (guint k = 0; flags && k < json_array_get_length (flags); k++)
      torn |= g_strcmp0 (json_array_get_string_element (flags, k), "in-use") == 0;
    g_ptr_array_add (torn ? image->torn : image->whole,
                     g_strdup (json_object_get_string_member (bitmap, "name")));
  }
}

gboolean
ts_lab_image_look (const char *path, TsLabImage *image, GError **error)
{
  *image = (TsLabImage){NULL, g_ptr_array_new_with_free_func (g_free),
                        g_ptr_array_new_with_free_func (g_free), FALSE};
  /* -U: also while a running QEMU holds the image's lock; what names its base does not change. */
  const char *argv[] = {"qemu-img", "info", "-U", "--output=json", path, NULL};
  g_autofree char *text = NULL;
  g_autoptr (GError) why = NULL;
  if (!ts_lab_command (argv, "qemu-utils", IMG_TIMEOUT_US, &text, error))
    return FALSE;
  g_autoptr (JsonNode) root = json_from_string (text, &why);
  if (!root || !JSON_NODE_HOLDS_OBJECT (root))
    return ts_throw (error, TS_ERROR_FORMAT, "qemu-img info %s: %s", path,
                     why ? why->message : "not a JSON object");
  JsonObject *info = json_node_get_object (root);
  image->base_path =
      g_strdup (json_object_get_string_member_with_default (info, "full-backing-filename", NULL));
  image->base_raw = g_strcmp0 (json_object_get_string_member_with_default (
                                   info, "backing-filename-format", "raw"),
                               "raw") == 0;
  read_bitmaps (info, image);
  return TRUE;
}

gboolean
ts_lab_image_bitmap (const char *path, const char *action, const char *bitmap, GError **error)
{
  const char *argv[] = {"qemu-img", "bitmap", action, "-f", "qcow2", path, bitmap, NULL};
  return ts_lab_command (argv, "qemu-utils", IMG_TIMEOUT_US, NULL, error);
}

gboolean
ts_lab_image_resize (const char *path, guint64 size_bytes, GError **error)
{
  g_autofree char *size = g_strdup_printf ("%" G_GUINT64_FORMAT, size_bytes);
  const char *argv[] = {"qemu-img", "resize", "-q", "-f", "qcow2", "--shrink", path, size, NULL};
  return ts_lab_command (argv, "qemu-utils", IMG_TIMEOUT_US, NULL, error);
}

#define KEPT "kept"

gboolean
ts_lab_image_keep_bitmaps (const char *path, char *const *names, const char *aside, GError **error)
{
  const char *const info[] = {"qemu-img", "info", "--output=json", "-f", "qcow2", path, NULL};
  g_autofree char *said = NULL;
  (void)unlink (aside);
  if (!ts_lab_command (info, "qemu-utils", IMG_TIMEOUT_US, &said, error))
    return FALSE;
  g_autoptr (JsonNode) root = json_from_string (said, NULL);
  if (!root || !JSON_NODE_HOLDS_OBJECT (root))
    return ts_throw (error, TS_ERROR_FORMAT, "qemu-img info %s: not a JSON object", path);
  JsonObject *object = json_node_get_object (root);
  g_autofree char *size = g_strdup_printf (
      "%" G_GINT64_FORMAT, json_object_get_int_member_with_default (object, "virtual-size", 0));
  g_autofree char *options = g_strdup_printf ( /* which is a bitmap's grain, too */
      "cluster_size=%" G_GINT64_FORMAT,
      json_object_get_int_member_with_default (object, "cluster-size", 65536));
  const char *const create[] = {"qemu-img", "create", "-q", "-f", "qcow2", "-o", options, aside, size, NULL};
  const char *const add[] = {"qemu-img", "bitmap", "--add", "-f", "qcow2", aside, KEPT, NULL};
  if (!ts_lab_command (create, "qemu-utils", IMG_TIMEOUT_US, NULL, error) ||
      !ts_lab_command (add, "qemu-utils", IMG_TIMEOUT_US, NULL, error))
    return FALSE;
  for (guint i = 0; names[i]; i++) {
    const char *const merge[] = {"qemu-img", "bitmap", "--merge", names[i], "-b", path,
                                 "-F",       "qcow2",  "-f",      "qcow2",  aside, KEPT, NULL};
    if (!ts_lab_command (merge, "qemu-utils", IMG_TIMEOUT_US, NULL, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
ts_lab_image_give_bitmap (const char *aside, const char *path, const char *bitmap, GError **error)
{
  const char *const argv[] = {"qemu-img", "bitmap", "--merge", KEPT, "-b", aside,
                              "-F",       "qcow2",  "-f",      "qcow2", path, bitmap, NULL};
  return ts_lab_command (argv, "qemu-utils", IMG_TIMEOUT_US, NULL, error);
}

gboolean
ts_lab_image_hand_down (const char *path, const TsLabImage *image, GError **error)
{
  for (guint i = 0; !image->base_raw && i < image->whole->len; i++) {
    const char *name = image->whole->pdata[i];
    const char *argv[] = {"qemu-img", "bitmap", "--add",          "--merge", name, "-b", path,
                          "-F",       "qcow2",  image->base_path, name,      NULL};
    if (!ts_lab_command (argv, "qemu-utils", IMG_TIMEOUT_US, NULL, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
holds (const GPtrArray *names, const char *name)
{
  for (guint i = 0; i < names->len; i++)
    if (strcmp (g_ptr_array_index (names, i), name) == 0)
      return TRUE;
  return FALSE;
}

/* Removes checkpoints that lack a bitmap in one of the images; names of the others go to kept. */
static gboolean
settle_checkpoints (TsLabMachine *machine, const TsLabImage *image, GPtrArray *kept, GError **error)
{
  virDomainCheckpointPtr *point = NULL;
  int count = virDomainListAllCheckpoints (machine->domain, &point, 0);
  gboolean fine = count >= 0 || ts_lab_throw_virt (error, "list checkpoints");
  for (int i = 0; i < count; i++) {
    const char *name = virDomainCheckpointGetName (point[i]);
    gboolean whole = TRUE;
    for (guint d = 0; d < machine->disks; d++)
      whole &= machine->disk[d].raw || holds (image[d].whole, name);
    if (whole)
      g_ptr_array_add (kept, g_strdup (name));
    else if (fine &&
             virDomainCheckpointDelete (point[i], VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY) < 0)
      fine = ts_lab_throw_virt (error, "forget checkpoint %s", name);
    virDomainCheckpointFree (point[i]);
  }
  free (point); /* libvirt's, from malloc */
  return fine;
}

static gboolean
remove_bitmaps (const char *path, const GPtrArray *names, const GPtrArray *but, GError **error)
{
  for (guint i = 0; i < names->len; i++) {
    const char *name = g_ptr_array_index (names, i);
    if ((!but || !holds (but, name)) && !ts_lab_image_bitmap (path, "--remove", name, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
ts_lab_machine_settle_bitmaps (TsLabMachine *machine, GError **error)
{
  TsLabImage image[TS_LAB_MACHINE_DISKS] = {{NULL, NULL, NULL, FALSE}};
  g_autoptr (GPtrArray) kept = g_ptr_array_new_with_free_func (g_free);
  gboolean fine = TRUE;
  for (guint d = 0; fine && d < machine->disks; d++)
    fine = machine->disk[d].raw || ts_lab_image_look (machine->disk[d].path, &image[d], error);
  fine = fine && settle_checkpoints (machine, image, kept, error);
  for (guint d = 0; fine && d < machine->disks; d++)
    fine = machine->disk[d].raw ||
           (remove_bitmaps (machine->disk[d].path, image[d].torn, NULL, error) &&
            remove_bitmaps (machine->disk[d].path, image[d].whole, kept, error));
  for (guint d = 0; d < machine->disks; d++)
    ts_lab_image_clear (&image[d]);
  return fine;
}
