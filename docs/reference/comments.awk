# comments.awk - reads a header for doxygen, whose own marks the header does without: a comment belongs to the
# declaration after it, one at the end of a line to what stands before it, a line of dashes begins a chapter, and an
# indented word, two spaces and a text are an entry of a list.

function put(line) {
    if (line ~ /^ \*   [^ ].*[^ .]  +[^ ]/) {
        match(line, /[^ ]  +/)
        rest = substr(line, 6)
        match(rest, /  +/)
        line = " * - **" substr(rest, 1, RSTART - 1) "**: " substr(rest, RSTART + RLENGTH)
    }
    print line
}

# What a comment of several lines before an opaque type says, it says of the function that follows.
function put_comment(    line, i) {
    for (i = 1; i <= held; i++)
        put(comment[i])
    held = 0
}

/^\/\* ---- / {
    title = $0
    gsub(/^\/\* -+ | -+ \*\/$/, "", title)
    if (chapter++)
        print "/** @} */"
    name = FILENAME
    gsub(/.*\/|\.h$/, "", name)
    printf "/** @defgroup %s%02d %s\n * @{ */\n", name, chapter, title
    next
}

/^\/\*/ {
    sub(/^\/\*/, NR == 1 && FILENAME ~ /dialogs\.h$/ ? "/** @mainpage" : "/**")
    held = 0
    inside = 1
}

inside {
    comment[++held] = $0
    if (/\*\/$/)
        inside = 0
    next
}

held > 1 && /^typedef struct [a-z_]+ [a-z_]+;$/ {
    type = $0
    getline
    if (/^DLG_API/)
        print type
    put_comment()
    if (!/^DLG_API/)
        print type
}

/^#ifdef __cplusplus/ && chapter {
    print "/** @} */"
    chapter = 0
}

{
    put_comment()
    sub(/[;,] +\/\* /, "&<")
    sub(/\/\* </, "/**< ")
    sub(/^( *[A-Za-z_ ]+|#define [A-Z_]+ [^ ]+) +\/\* /, "&<")
    sub(/\/\* </, "/**< ")
    print
}
