# Makes a header of a text file: cmake -D IN=x.gp -D OUT=x-text.h -D NAME=ts_x -P embed.cmake
# Line by line, since a C string literal may not be longer than some compilers like.
file(READ ${IN} text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n  \"" text "${text}")
file(WRITE ${OUT} "static const char ${NAME}[] =\n  \"${text}\";\n")
