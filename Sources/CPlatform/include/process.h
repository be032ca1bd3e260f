#ifndef QUORATE_PROCESS_H
#define QUORATE_PROCESS_H

/// Starts a program apart from this one: in a session and a directory of its own, with no input, all signals at their
/// defaults and none blocked, its standard output and error both at `output`, and no other descriptor. Returns 0 and its
/// process number, or an error number. With `posix_spawn`, so that nothing of this program runs in the child.
int quorate_spawn(const char *program, char *const arguments[], char *const environment[], const char *directory,
                  int output, int *pid);

/// A descriptor of a process that no later process of the same number can be mistaken for (`pidfd_open`), closed on
/// exec; readable once the whole process has ended. Returns -1 and sets `errno` when there is none.
int quorate_process_open(int pid);

/// Sends a signal to the process of such a descriptor. Returns 0, or an error number (`ESRCH` when it has ended).
int quorate_process_signal(int descriptor, int signal);

/// A file in memory, without a name, closed on exec. Returns -1 and sets `errno` when there is none.
int quorate_memory_file(void);

#endif
