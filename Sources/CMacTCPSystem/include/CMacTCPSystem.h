// What Swift cannot import from the C headers by itself: function-like macros, and structures that depend on feature
// macros. Header-only: every function is inline.
#ifndef CMACTCPSYSTEM_H
#define CMACTCPSYSTEM_H

#include <stdint.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>

#if defined(__linux__)
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <linux/net_tstamp.h>

static const unsigned long mactcp_SIOCOUTQ = SIOCOUTQ;
extern int accept4(int, struct sockaddr *, socklen_t *, int);
static const int mactcp_EPOLL_CLOEXEC = EPOLL_CLOEXEC;
static const int mactcp_EFD_FLAGS = EFD_CLOEXEC | EFD_NONBLOCK;
static const uint32_t mactcp_EPOLLIN = EPOLLIN;
static const uint32_t mactcp_EPOLLOUT = EPOLLOUT;
static const uint32_t mactcp_EPOLLPRI = EPOLLPRI;
static const uint32_t mactcp_EPOLLRDHUP = EPOLLRDHUP;
static const uint32_t mactcp_EPOLLERR = EPOLLERR;
static const uint32_t mactcp_EPOLLHUP = EPOLLHUP;
static const uint32_t mactcp_EPOLLET = EPOLLET;
static const uint32_t mactcp_EPOLLONESHOT = EPOLLONESHOT;

/// Asks that an acknowledged byte be reported on the error queue: SO_TIMESTAMPING's flags for a socket, and those for
/// the one send that carries them in a control message.
static const uint32_t mactcp_TIMESTAMPING_SOCKET =
    SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY | SOF_TIMESTAMPING_OPT_ID;
static const uint32_t mactcp_TIMESTAMPING_SEND = SOF_TIMESTAMPING_TX_ACK;

static inline int mactcp_epoll_ctl(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  event.events = events;
  event.data.u64 = token;
  return epoll_ctl(epoll, operation, descriptor, &event);
}

/// One entry of a socket's error queue that an ICMP message caused.
struct mactcp_icmp_error {
  uint8_t origin, type, code;
  uint32_t info;
};

/// Reads the extended error out of a received message's control data; 0 when there is none.
static inline int mactcp_icmp_error_of(struct msghdr *message, struct mactcp_icmp_error *error) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR &&
        c->cmsg_len >= CMSG_LEN(sizeof(struct sock_extended_err))) {
      struct sock_extended_err extended;
      memcpy(&extended, CMSG_DATA(c), sizeof extended);
      error->origin = extended.ee_origin;
      error->type = extended.ee_type;
      error->code = extended.ee_code;
      error->info = extended.ee_info;
      return 1;
    }
  }
  return 0;
}

static const uint8_t mactcp_ORIGIN_ICMP = SO_EE_ORIGIN_ICMP;

/// Lets a raw ICMP socket receive nothing but echo replies with one identifier; -1 and errno where the kernel refuses.
static inline int mactcp_filter_echo_replies(int socket, uint16_t identifier) {
  struct sock_filter instructions[] = {
      // The IPv4 header comes first, of the length that it says itself (RFC 791 section 3.1).
      BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
      BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0 /* echo reply, RFC 792 */, 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, identifier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = {sizeof instructions / sizeof *instructions, instructions};
  return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}
#endif

/// Fills `buffer` with one control message that carries 32 bits; returns the size used, 0 when it does not fit.
static inline size_t mactcp_control_message(void *buffer, size_t size, int level, int type, uint32_t value) {
  if (size < CMSG_SPACE(sizeof value)) return 0;
  memset(buffer, 0, CMSG_SPACE(sizeof value));
  struct cmsghdr *c = (struct cmsghdr *)buffer;
  c->cmsg_len = CMSG_LEN(sizeof value);
  c->cmsg_level = level;
  c->cmsg_type = type;
  memcpy(CMSG_DATA(c), &value, sizeof value);
  return CMSG_SPACE(sizeof value);
}

#endif
