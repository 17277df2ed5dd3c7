//go:build linux

#define _GNU_SOURCE

#include "slack.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// A thread sets its own slack and nobody else's, unless it has CAP_SYS_NICE. So the thread is interrupted by a signal, and sets it in the
// handler. Static, because a signal that is late finds them then, too.
static unsigned long slack;
static volatile int outcome;
static sem_t set;

static void on_signal(int number) {
        int before = errno;
        outcome = prctl(PR_SET_TIMERSLACK, slack, 0, 0, 0) ? errno : 0;
        sem_post(&set);
        errno = before;
}

int set_timer_slack(int tid, unsigned long ns, long patience) {
        int number = SIGRTMAX; // of no use to Go's runtime or to libc
        struct sigaction ours = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_RESTART}, theirs;
        struct timespec until;
        int failed = 0;

        slack = ns;
        if (sem_init(&set, 0, 0) || sigaction(number, &ours, &theirs))
                return errno;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += patience;
        if (until.tv_nsec >= 1000000000) {
                until.tv_sec++;
                until.tv_nsec -= 1000000000;
        }
        if (syscall(SYS_tgkill, getpid(), tid, number))
                failed = errno;
        while (!failed && sem_timedwait(&set, &until))
                if (errno != EINTR)
                        failed = errno;
        sigaction(number, &theirs, 0);
        return failed ? failed : outcome;
}
