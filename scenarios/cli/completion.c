/* scenarios/cli/completion.c -- what completes twinsite's commands in bash and in zsh */
#include <string.h>
#include "scenarios/cli/command.h"
#include "scenarios/cli/manual.h"

/* What a placeholder stands for: words to choose from, folders, files, or nothing known. */
typedef enum { TAKES_NOTHING_KNOWN, TAKES_WORDS, TAKES_FOLDERS, TAKES_FILES } Takes;

/* placeholder: "sim|lab|both", "FILE...", "RUN RUN", "PERCENT".  words: then the choice, separated
 * by spaces; caller frees. */
static Takes
takes_of (const char *placeholder, char **words)
{
  *words = NULL;
  if (placeholder == NULL)
    return TAKES_NOTHING_KNOWN;
  g_autofree char *first = g_strndup (placeholder, strcspn (placeholder, " ."));
  if (g_str_equal (first, "FILE"))
    return TAKES_FILES;
  if (g_str_equal (first, "RUN") || g_str_equal (first, "DIR"))
    return TAKES_FOLDERS;
  gsize choice = strspn (placeholder, "abcdefghijklmnopqrstuvwxyz0123456789-.|");
  if (choice == 0 || (placeholder[choice] != '\0' && placeholder[choice] != ' '))
    return TAKES_NOTHING_KNOWN;
  *words = g_strdelimit (g_strndup (placeholder, choice), "|", ' ');
  return TAKES_WORDS;
}

/* ---- bash ---- */

static void
bash_takes (GString *out, const char *placeholder)
{
  g_autofree char *words = NULL;
  switch (takes_of (placeholder, &words)) {
  case TAKES_WORDS:
    g_string_append_printf (out, "words='%s'", words);
    break;
  case TAKES_FOLDERS:
    g_string_append (out, "takes=-d");
    break;
  case TAKES_FILES:
    g_string_append (out, "takes=-f");
    break;
  case TAKES_NOTHING_KNOWN:
    g_string_append (out, ":");
    break;
  }
}

static void
bash_command (const TsCommand *command, const GOptionEntry *entries, const char *arguments,
              const char *summary, gpointer data)
{
  GString *out = data;
  g_string_append_printf (out, "    %s)\n      case $cur:$prev in\n        -*) words='",
                          command->name);
  for (const GOptionEntry *entry = entries; entry != NULL && entry->long_name != NULL; entry++)
    g_string_append_printf (out, "--%s ", entry->long_name);
  g_string_append (out, "--help' ;;\n");
  for (const GOptionEntry *entry = entries; entry != NULL && entry->long_name != NULL; entry++)
    if (entry->arg != G_OPTION_ARG_NONE) {
      g_string_append_printf (out, "        *:--%s) ", entry->long_name);
      bash_takes (out, entry->arg_description);
      g_string_append (out, " ;;\n");
    }
  g_string_append (out, "        *) ");
  bash_takes (out, arguments);
  g_string_append (out, " ;;\n      esac ;;\n");
}

char *
ts_completion_bash (void)
{
  GString *out = g_string_new (
      "# completes twinsite in bash; made from the program's own tables: twinsite manual bash\n"
      "_twinsite () {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words='' takes=''\n"
      "  if [ \"$cur\" = = ]; then # --option=VALUE comes as three words\n"
      "    cur=''\n"
      "  elif [ \"$prev\" = = ]; then\n"
      "    prev=${COMP_WORDS[COMP_CWORD-2]}\n"
      "  fi\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -le 1 ]; then\n"
      "    words='");
  for (guint i = 0; ts_command_get (i) != NULL; i++)
    g_string_append_printf (out, "%s ", ts_command_get (i)->name);
  g_string_append (out, "--help --version'\n"
                        "  else case ${COMP_WORDS[1]} in\n");
  ts_command_describe (bash_command, out);
  g_string_append (out, "  esac\n"
                        "  fi\n"
                        "  if [ -n \"$takes\" ]; then\n"
                        "    compopt -o filenames 2> /dev/null\n"
                        "    mapfile -t COMPREPLY < <(compgen $takes -- \"$cur\")\n"
                        "  else\n"
                        "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                        "  fi\n"
                        "}\n"
                        "complete -F _twinsite twinsite\n");
  return g_string_free (out, FALSE);
}

/* ---- zsh ---- */

/* Inside '...' and, of an option, inside [...] with ':' as the separator around it. */
static void
zsh_words (GString *out, const char *text)
{
  for (const char *at = text; *at != '\0'; at++) {
    if (*at == '\'')
      g_string_append (out, "'\\''");
    else {
      if (strchr (":[]\\", *at) != NULL)
        g_string_append_c (out, '\\');
      g_string_append_c (out, *at);
    }
  }
}

static void
zsh_takes (GString *out, const char *placeholder)
{
  g_autofree char *words = NULL;
  switch (takes_of (placeholder, &words)) {
  case TAKES_WORDS:
    g_string_append_printf (out, "(%s)", words);
    break;
  case TAKES_FOLDERS:
    g_string_append (out, "_files -/");
    break;
  case TAKES_FILES:
    g_string_append (out, "_files");
    break;
  case TAKES_NOTHING_KNOWN:
    break;
  }
}

static void
zsh_command (const TsCommand *command, const GOptionEntry *entries, const char *arguments,
             const char *summary, gpointer data)
{
  GString *out = data;
  g_string_append_printf (out, "    %s)\n      _arguments", command->name);
  for (const GOptionEntry *entry = entries; entry != NULL && entry->long_name != NULL; entry++) {
    gboolean takes = entry->arg != G_OPTION_ARG_NONE;
    g_string_append_printf (
        out, " \\\n        '%s--%s%s[",
        entry->arg == G_OPTION_ARG_STRING_ARRAY || entry->arg == G_OPTION_ARG_FILENAME_ARRAY ? "*"
                                                                                             : "",
        entry->long_name, takes ? "=" : "");
    zsh_words (out, entry->description);
    g_string_append_c (out, ']');
    if (takes) {
      g_string_append (out, ":value:");
      zsh_takes (out, entry->arg_description);
    }
    g_string_append_c (out, '\'');
  }
  g_string_append (out, " \\\n        '--help[show what it does]' \\\n        '*:argument:");
  zsh_takes (out, arguments);
  g_string_append (out, "' ;;\n");
}

char *
ts_completion_zsh (void)
{
  GString *out = g_string_new ("#compdef twinsite\n"
                               "# made from the program's own tables: twinsite manual zsh\n"
                               "_twinsite () {\n"
                               "  local -a commands\n"
                               "  commands=(\n");
  for (guint i = 0; ts_command_get (i) != NULL; i++) {
    g_string_append_printf (out, "    '%s:", ts_command_get (i)->name);
    zsh_words (out, ts_command_get (i)->help);
    g_string_append (out, "'\n");
  }
  g_string_append (out, "  )\n"
                        "  if (( CURRENT == 2 )); then\n"
                        "    _describe command commands\n"
                        "    return\n"
                        "  fi\n"
                        "  shift words\n"
                        "  (( CURRENT-- ))\n"
                        "  case $words[1] in\n");
  ts_command_describe (zsh_command, out);
  g_string_append (out, "  esac\n"
                        "}\n"
                        "_twinsite \"$@\"\n");
  return g_string_free (out, FALSE);
}
