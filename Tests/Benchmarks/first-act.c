// first-act [CONFIGURATION]: says at once that it has been executed, then becomes the media server
// that SERVER names. The supervisors under measurement start it in place of MediaMTX.
//
// The report is a datagram to the abstract UNIX socket REPORT: its process id and the moment, in
// nanoseconds of CLOCK_MONOTONIC. Both names are compiled in, because a supervisor may give its
// child any environment and any folder. The program is static: what a loader takes is not the
// supervisor's.

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **arguments) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint64_t report[2] = {(uint64_t)getpid(),
                        (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec};
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path + 1, REPORT, sizeof REPORT - 1);
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof REPORT);
  int descriptor = socket(AF_UNIX, SOCK_DGRAM, 0);
  sendto(descriptor, report, sizeof report, 0, (struct sockaddr *)&address, size);
  close(descriptor);
  // runsv leaves its children alone when it is killed, and so would they stay.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  char *file = count > 1 ? arguments[1] : "mediamtx.yml";
  execl(SERVER, SERVER, file, NULL);
  return 1;
}
