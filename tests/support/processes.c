#include "processes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct process {
    char name[64];
    char state;
    pid_t parent;
};

/* "PID (NAME) STATE PARENT ...", where a name may hold anything, parentheses too. */
static bool read_process(pid_t pid, struct process *process)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[length] = '\0';
    const char *name = strchr(line, '(');
    const char *end = strrchr(line, ')');
    if (!name || !end || end < name || strlen(end) < 5)
        return false;
    snprintf(process->name, sizeof process->name, "%.*s", (int)(end - name - 1), name + 1);
    process->state = end[2];
    process->parent = (pid_t)strtol(end + 4, NULL, 10);
    return true;
}

int processes_children(pid_t parent, void (*visit)(pid_t pid, void *payload), void *payload)
{
    int count = 0;
    DIR *listing = opendir("/proc");
    if (!listing)
        return 0;
    for (const struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        struct process process;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || !read_process(pid, &process) || process.parent != parent)
            continue;
        count++;
        if (visit)
            visit(pid, payload);
    }
    closedir(listing);
    return count;
}

char process_state(pid_t pid)
{
    struct process process;
    return read_process(pid, &process) ? process.state : '\0';
}

bool process_name(pid_t pid, char *name, size_t size)
{
    struct process process;
    if (!read_process(pid, &process))
        return false;
    snprintf(name, size, "%s", process.name);
    return true;
}
