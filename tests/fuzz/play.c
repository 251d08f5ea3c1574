/* Stands in for libFuzzer where there is none: plays every file of the folders it is given, once,
 * in order of name.  No file at all is a failure: a corpus that was lost must not look like one
 * that passed. */
#include <glib.h>
#include <glib/gstdio.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);

static int
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *)a, *(char *const *)b);
}

static gboolean
play_folder (const char *folder, guint *played)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &error);
  if (!dir) {
    g_printerr ("%s\n", error->message);
    return FALSE;
  }
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  for (const char *name; (name = g_dir_read_name (dir));)
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, by_name);
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename (folder, names->pdata[i], NULL);
    g_autofree char *data = NULL;
    gsize len;
    if (!g_file_get_contents (path, &data, &len, &error)) {
      g_printerr ("%s\n", error->message);
      return FALSE;
    }
    g_print ("play %s, %" G_GSIZE_FORMAT " bytes\n", path,
             len);                                    /* who crashes was the last named */
    g_autofree guint8 *exact = g_memdup2 (data, len); /* no NUL behind it for ASan to overlook */
    LLVMFuzzerTestOneInput (exact ? exact : (const guint8 *)"", len);
    ++*played;
  }
  return TRUE;
}

int
main (int argc, char **argv)
{
  guint played = 0;
  for (int i = 1; i < argc; i++)
    if (!play_folder (argv[i], &played))
      return 1;
  if (!played) {
    g_printerr ("no file to play: give folders with a corpus\n");
    return 1;
  }
  g_print ("%u files played\n", played);
  return 0;
}
