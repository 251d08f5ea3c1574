# Writes commit.h: what this program is built from.  Run at each build (configure would be too seldom),
# touches the file only when it changes.  Outside git, or without git: "unknown".
#   cmake -D OUT=FILE -D SOURCE=DIR -D GIVEN=TEXT -P commit.cmake
set(commit "${GIVEN}")
find_program(GIT git)
if(NOT commit AND GIT)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env GIT_OPTIONAL_LOCKS=0
      ${GIT} -C ${SOURCE} describe --always --dirty --abbrev=12 --match=v*
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
string(REGEX REPLACE "[^A-Za-z0-9._+-]" "" commit "${commit}")
if(NOT commit)
  set(commit unknown)
endif()
set(text "/* made by results/commit.cmake */\n#pragma once\n#define TS_COMMIT \"${commit}\"\n")
set(before "")
if(EXISTS ${OUT})
  file(READ ${OUT} before)
endif()
if(NOT before STREQUAL text)
  file(WRITE ${OUT} "${text}")
endif()
