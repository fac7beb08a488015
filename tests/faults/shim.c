/* Shim: fails, tears or ends a process at a file-system call of its own that concerns a folder.
 *
 * Preloaded. It counts the calls of the classes asked for whose path, or whose descriptor's path, lies below the folder, and at
 * number `at` does as told. Told by the variables FAULT_ROOT, FAULT_MODE, FAULT_AT, FAULT_ERRNO, FAULT_CALLS and FAULT_LOG, or by
 * fault_arm(). The variables and LD_PRELOAD are taken out of the environment, so that only this process is concerned.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

enum { OFF, COUNT, ONCE, FROM, KILL, TORN, SHORT };
enum { OPEN = 1, READ = 2, WRITE = 4, SYNC = 8, NAME = 16, MODE = 32, LOCK = 64, COPY = 128, LOOK = 256, CLOSE = 512 };

static char root[PATH_MAX];
static size_t root_length;
static int mode, error_number, log_fd = -1;
static unsigned classes;
static long place, seen;
static unsigned char mine[1 << 16];

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (!found) abort();
  return found;
}

static int is_below(const char *path) {
  return root_length && path && !strncmp(path, root, root_length) && (!path[root_length] || path[root_length] == '/');
}

static int is_mine(int fd) { return fd >= 0 && fd < (int)sizeof mine && mine[fd]; }

static int is_at(int folder, const char *path) { return path && (path[0] == '/' ? is_below(path) : is_mine(folder)); }

static int mark(int fd, int is) {
  if (fd >= 0 && fd < (int)sizeof mine) mine[fd] = is != 0;
  return fd;
}

static void end(void) {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

static const char *path_of(int fd, char *room) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = syscall(SYS_readlink, link, room, PATH_MAX - 1);
  room[length < 0 ? 0 : length] = 0;
  return room;
}

static void tell(const char *name, int fd, const char *path, const char *other) {
  char line[3 * PATH_MAX], room[PATH_MAX], above[PATH_MAX] = "";
  if (!path)
    path = path_of(fd, room);
  else if (path[0] != '/' && fd >= 0)
    path_of(fd, above), strcat(above, "/");
  int length = snprintf(line, sizeof line, "%ld\t%s\t%s%s\t%s\n", seen, name, above, path, other ? other : "");
  if (syscall(SYS_write, log_fd, line, length) != length) abort();
}

/* Counts a call that concerns us. Returns what to do: 0 the call itself, 1 fail, 2 half of it, 3 half of it and end. */
static int step(unsigned class, int concerns, const char *name, int fd, const char *path, const char *other) {
  if (!mode || !concerns || !(classes & class)) return 0;
  long number = __atomic_add_fetch(&seen, 1, __ATOMIC_SEQ_CST);
  if (log_fd >= 0) tell(name, fd, path, other);
  if (mode == FROM ? number < place : number != place) return 0;
  switch (mode) {
  case KILL: end();
  case TORN: if (class != WRITE) end(); return 3;
  case SHORT: return class == WRITE ? 2 : 0;
  case ONCE: case FROM: errno = error_number; return 1;
  }
  return 0;
}

#define FAIL_IF(class, concerns, name, fd, path, other) \
  if (step(class, concerns, name, fd, path, other) == 1) return -1

/* -- control ------------------------------------------------------------------------------------------------------- */

void fault_arm(const char *folder, int how, long at, int error, unsigned calls, const char *log) {
  mode = OFF;
  snprintf(root, sizeof root, "%s", folder);
  root_length = strlen(root);
  place = at, seen = 0, error_number = error, classes = calls;
  if (log_fd >= 0) syscall(SYS_close, log_fd);
  log_fd = log && *log ? (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
  mode = how;
}

void fault_stop(void) { mode = OFF; }

long fault_seen(void) { return seen; }

__attribute__((constructor)) static void begin(void) {
  const char *folder = getenv("FAULT_ROOT"), *at = getenv("FAULT_AT"), *how = getenv("FAULT_MODE");
  const char *error = getenv("FAULT_ERRNO"), *calls = getenv("FAULT_CALLS");
  if (folder && how)
    fault_arm(folder, atoi(how), at ? atol(at) : 0, error ? atoi(error) : EIO, calls ? (unsigned)atoi(calls) : ~0u, getenv("FAULT_LOG"));
  unsetenv("LD_PRELOAD"), unsetenv("FAULT_ROOT"), unsetenv("FAULT_MODE"), unsetenv("FAULT_AT");
  unsetenv("FAULT_ERRNO"), unsetenv("FAULT_CALLS"), unsetenv("FAULT_LOG");
}

/* -- opening and closing ------------------------------------------------------------------------------------------- */

#define MODE_ARGUMENT \
  mode_t bits = 0; \
  if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); bits = va_arg(more, mode_t); va_end(more); }

#define OPENS(name) \
  int name(const char *path, int flags, ...) { \
    MODE_ARGUMENT \
    FAIL_IF(OPEN, is_below(path), #name, -1, path, NULL); \
    return mark(REAL(name)(path, flags, bits), is_below(path)); \
  }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name) \
  int name(int folder, const char *path, int flags, ...) { \
    MODE_ARGUMENT \
    FAIL_IF(OPEN, is_at(folder, path), #name, folder, path, NULL); \
    return mark(REAL(name)(folder, path, flags, bits), is_at(folder, path)); \
  }
OPENS_AT(openat)
OPENS_AT(openat64)

int creat(const char *path, mode_t bits) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, bits); }

int close(int fd) {
  int was = is_mine(fd), fails = was && step(CLOSE, 1, "close", fd, NULL, NULL) == 1, number = errno;
  mark(fd, 0);
  int done = REAL(close)(fd);
  if (fails) errno = number; /* the descriptor is gone all the same, as it is in Linux */
  return fails ? -1 : done;
}

DIR *opendir(const char *path) {
  if (step(LOOK, is_below(path), "opendir", -1, path, NULL) == 1) return NULL;
  return REAL(opendir)(path);
}

int closedir(DIR *folder) {
  mark(dirfd(folder), 0);
  return REAL(closedir)(folder);
}

/* -- reading, writing and syncing ---------------------------------------------------------------------------------- */

#define READS(name, more, ...) \
  ssize_t name(int fd, void *data, size_t size more) { \
    FAIL_IF(READ, is_mine(fd), #name, fd, NULL, NULL); \
    return REAL(name)(fd, data, size __VA_ARGS__); \
  }
#define OFFSET , off_t offset
#define OFFSET64 , off64_t offset
READS(read, )
READS(pread, OFFSET, , offset)
READS(pread64, OFFSET64, , offset)

#define WRITES(name, more, ...) \
  ssize_t name(int fd, const void *data, size_t size more) { \
    int what = step(WRITE, is_mine(fd), #name, fd, NULL, NULL); \
    if (what == 1) return -1; \
    ssize_t done = REAL(name)(fd, data, what > 1 && size > 1 ? size / 2 : size __VA_ARGS__); \
    if (what == 3) end(); \
    return done; \
  }
WRITES(write, )
WRITES(pwrite, OFFSET, , offset)
WRITES(pwrite64, OFFSET64, , offset)

ssize_t writev(int fd, const struct iovec *parts, int count) {
  int what = step(WRITE, is_mine(fd), "writev", fd, NULL, NULL);
  if (what == 1) return -1;
  ssize_t done = REAL(writev)(fd, parts, what > 1 && count > 1 ? count / 2 : count);
  if (what == 3) end();
  return done;
}

#define SYNCS(name) \
  int name(int fd) { \
    FAIL_IF(SYNC, is_mine(fd), #name, fd, NULL, NULL); \
    return REAL(name)(fd); \
  }
SYNCS(fsync)
SYNCS(fdatasync)

#define CUTS(name, type) \
  int name(int fd, type size) { \
    FAIL_IF(MODE, is_mine(fd), #name, fd, NULL, NULL); \
    return REAL(name)(fd, size); \
  }
CUTS(ftruncate, off_t)
CUTS(ftruncate64, off64_t)
CUTS(fchmod, mode_t)

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) {
  FAIL_IF(COPY, is_mine(in) || is_mine(out), "copy_file_range", out, NULL, NULL);
  return REAL(copy_file_range)(in, from, out, to, size, flags);
}

ssize_t sendfile(int out, int in, off_t *from, size_t size) {
  FAIL_IF(COPY, is_mine(in) || is_mine(out), "sendfile", out, NULL, NULL);
  return REAL(sendfile)(out, in, from, size);
}

ssize_t sendfile64(int out, int in, off64_t *from, size_t size) {
  FAIL_IF(COPY, is_mine(in) || is_mine(out), "sendfile64", out, NULL, NULL);
  return REAL(sendfile64)(out, in, from, size);
}

/* -- names --------------------------------------------------------------------------------------------------------- */

int rename(const char *from, const char *to) {
  FAIL_IF(NAME, is_below(from) || is_below(to), "rename", -1, from, to);
  return REAL(rename)(from, to);
}

int renameat(int above, const char *from, int under, const char *to) {
  FAIL_IF(NAME, is_at(above, from) || is_at(under, to), "renameat", above, from, to);
  return REAL(renameat)(above, from, under, to);
}

int link(const char *from, const char *to) {
  FAIL_IF(NAME, is_below(from) || is_below(to), "link", -1, from, to);
  return REAL(link)(from, to);
}

int linkat(int above, const char *from, int under, const char *to, int flags) {
  FAIL_IF(NAME, is_at(above, from) || is_at(under, to), "linkat", above, from, to);
  return REAL(linkat)(above, from, under, to, flags);
}

int symlink(const char *text, const char *path) {
  FAIL_IF(NAME, is_below(path), "symlink", -1, path, text);
  return REAL(symlink)(text, path);
}

#define NAMES(name) \
  int name(const char *path) { \
    FAIL_IF(NAME, is_below(path), #name, -1, path, NULL); \
    return REAL(name)(path); \
  }
NAMES(unlink)
NAMES(rmdir)

int unlinkat(int folder, const char *path, int flags) {
  FAIL_IF(NAME, is_at(folder, path), "unlinkat", folder, path, NULL);
  return REAL(unlinkat)(folder, path, flags);
}

int mkdir(const char *path, mode_t bits) {
  FAIL_IF(NAME, is_below(path), "mkdir", -1, path, NULL);
  return REAL(mkdir)(path, bits);
}

int mkdirat(int folder, const char *path, mode_t bits) {
  FAIL_IF(NAME, is_at(folder, path), "mkdirat", folder, path, NULL);
  return REAL(mkdirat)(folder, path, bits);
}

int chmod(const char *path, mode_t bits) {
  FAIL_IF(MODE, is_below(path), "chmod", -1, path, NULL);
  return REAL(chmod)(path, bits);
}

int fchmodat(int folder, const char *path, mode_t bits, int flags) {
  FAIL_IF(MODE, is_at(folder, path), "fchmodat", folder, path, NULL);
  return REAL(fchmodat)(folder, path, bits, flags);
}

int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
  FAIL_IF(MODE, is_at(folder, path), "utimensat", folder, path, NULL);
  return REAL(utimensat)(folder, path, times, flags);
}

int futimens(int fd, const struct timespec times[2]) {
  FAIL_IF(MODE, is_mine(fd), "futimens", fd, NULL, NULL);
  return REAL(futimens)(fd, times);
}

int utime(const char *path, const struct utimbuf *times) {
  FAIL_IF(MODE, is_below(path), "utime", -1, path, NULL);
  return REAL(utime)(path, times);
}

/* -- looking ------------------------------------------------------------------------------------------------------- */

#define LOOKS(name, type) \
  int name(const char *path, struct type *told) { \
    FAIL_IF(LOOK, is_below(path), #name, -1, path, NULL); \
    return REAL(name)(path, told); \
  }
LOOKS(stat, stat)
LOOKS(lstat, stat)
LOOKS(stat64, stat64)
LOOKS(lstat64, stat64)

#define LOOKS_IN(name, type) \
  int name(int fd, struct type *told) { \
    FAIL_IF(LOOK, is_mine(fd), #name, fd, NULL, NULL); \
    return REAL(name)(fd, told); \
  }
LOOKS_IN(fstat, stat)
LOOKS_IN(fstat64, stat64)

#define LOOKS_AT(name, type) \
  int name(int folder, const char *path, struct type *told, int flags) { \
    FAIL_IF(LOOK, is_at(folder, path), #name, folder, path, NULL); \
    return REAL(name)(folder, path, told, flags); \
  }
LOOKS_AT(fstatat, stat)
LOOKS_AT(fstatat64, stat64)

int access(const char *path, int how) {
  FAIL_IF(LOOK, is_below(path), "access", -1, path, NULL);
  return REAL(access)(path, how);
}

/* -- locks, and asking for a clone --------------------------------------------------------------------------------- */

int flock(int fd, int how) {
  FAIL_IF(LOCK, is_mine(fd) && how != LOCK_UN, "flock", fd, NULL, NULL);
  return REAL(flock)(fd, how);
}

/* Giving a lock back cannot fail. */
static int is_lock(int command, const void *argument) {
  int takes = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;
  return takes ? ((const struct flock *)argument)->l_type != F_UNLCK : command == F_GETLK || command == F_OFD_GETLK;
}

#define CONTROLS(name) \
  int name(int fd, int command, ...) { \
    va_list more; \
    va_start(more, command); \
    void *argument = va_arg(more, void *); \
    va_end(more); \
    FAIL_IF(LOCK, is_mine(fd) && is_lock(command, argument), #name, fd, NULL, NULL); \
    int done = REAL(name)(fd, command, argument); \
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) mark(done, is_mine(fd)); \
    return done; \
  }
CONTROLS(fcntl)
CONTROLS(fcntl64)

/* SQLite waits up to ten seconds for a lock that it cannot have: here nobody is there to give it back. */
int usleep(useconds_t time) { return mode > COUNT ? 0 : REAL(usleep)(time); }
int nanosleep(const struct timespec *time, struct timespec *left) { return mode > COUNT ? 0 : REAL(nanosleep)(time, left); }

int ioctl(int fd, unsigned long command, ...) {
  va_list more;
  va_start(more, command);
  void *argument = va_arg(more, void *);
  va_end(more);
  FAIL_IF(COPY, is_mine(fd), "ioctl", fd, NULL, NULL);
  return REAL(ioctl)(fd, command, argument);
}
