#include "CSockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

// Loopback, on a port the kernel chooses: each process has its own, so that the connections that an earlier process
// left in TIME-WAIT do not stand in this one's way.
static int listen_on_loopback(struct sockaddr_in *address) {
  socklen_t length = sizeof *address;
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (listener < 0) return -1;
  if (bind(listener, (struct sockaddr *)address, sizeof *address) || listen(listener, SOMAXCONN) ||
      getsockname(listener, (struct sockaddr *)address, &length)) {
    close(listener);
    return -1;
  }
  return listener;
}

static int disable_nagle(int socket) {
  int on = 1;
  return setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int connect_to(const struct sockaddr_in *address) {
  int client = socket(AF_INET, SOCK_STREAM, 0);
  if (client < 0) return -1;
  if (connect(client, (const struct sockaddr *)address, sizeof *address) || disable_nagle(client)) {
    close(client);
    return -1;
  }
  return client;
}

int cs_pair(int sockets[2]) {
  struct sockaddr_in address;
  int listener = listen_on_loopback(&address);
  if (listener < 0) return -1;
  sockets[0] = connect_to(&address);
  sockets[1] = sockets[0] < 0 ? -1 : accept(listener, NULL, NULL);
  close(listener);
  return sockets[1] < 0 ? -1 : disable_nagle(sockets[1]);
}

void cs_close_pair(const int sockets[2]) {
  close(sockets[0]);
  close(sockets[1]);
}

// What the second thread is given, and what it leaves in `error`.
struct peer {
  int socket;
  uint64_t amount;
  const uint8_t *pattern;
  size_t chunk;
  int error;
};

// Runs `peer_main` on a second thread beside `client`, and takes the first error of either.
static int beside(struct peer *peer, void *(*peer_main)(void *), int (*client)(int, struct peer *), int client_socket) {
  pthread_t thread;
  int error = pthread_create(&thread, NULL, peer_main, peer);
  if (error) {
    errno = error;
    return -1;
  }
  error = client(client_socket, peer) ? errno : 0;
  if (error) shutdown(client_socket, SHUT_RDWR);  // or the second thread would wait for ever
  pthread_join(thread, NULL);
  errno = error ? error : peer->error;
  return errno ? -1 : 0;
}

static void *receive_all(void *argument) {
  struct peer *peer = argument;
  uint8_t *buffer = malloc(peer->chunk);
  for (uint64_t offset = 0; offset < peer->amount;) {
    ssize_t n = recv(peer->socket, buffer, peer->chunk, 0);
    if (n <= 0) {
      peer->error = n < 0 ? errno : ECONNRESET;
      break;
    }
    if (buffer[0] != peer->pattern[offset % peer->chunk] ||
        buffer[n - 1] != peer->pattern[(offset + (uint64_t)n - 1) % peer->chunk]) {
      peer->error = EBADMSG;
      break;
    }
    offset += (uint64_t)n;
  }
  // A receiver that gives up must not leave the sender blocked.
  if (peer->error) shutdown(peer->socket, SHUT_RDWR);
  free(buffer);
  return NULL;
}

static int send_all(int socket, struct peer *peer) {
  for (uint64_t sent = 0; sent < peer->amount;) {
    size_t start = sent % peer->chunk, length = peer->chunk - start;
    if (length > peer->amount - sent) length = (size_t)(peer->amount - sent);
    ssize_t n = send(socket, peer->pattern + start, length, MSG_NOSIGNAL);
    if (n < 0) return -1;
    sent += (uint64_t)n;
  }
  return 0;
}

int cs_transfer(const int sockets[2], uint64_t bytes, const uint8_t *pattern, size_t chunk) {
  struct peer peer = {sockets[1], bytes, pattern, chunk, 0};
  return beside(&peer, receive_all, send_all, sockets[0]);
}

static void *echo(void *argument) {
  struct peer *peer = argument;
  uint8_t byte;
  for (uint64_t i = 0; i < peer->amount; i++)
    if (recv(peer->socket, &byte, 1, 0) != 1 || send(peer->socket, &byte, 1, MSG_NOSIGNAL) != 1) {
      peer->error = errno ? errno : ECONNRESET;
      break;
    }
  return NULL;
}

static int round_trip(int socket, uint8_t value) {
  uint8_t byte = value;
  errno = ECONNRESET;  // stands if the peer closes: recv leaves errno alone then
  if (send(socket, &byte, 1, MSG_NOSIGNAL) != 1 || recv(socket, &byte, 1, 0) != 1) return -1;
  if (byte == value) return 0;
  errno = EBADMSG;
  return -1;
}

static int ping(int socket, struct peer *peer) {
  for (uint64_t i = 0; i < peer->amount; i++)
    if (round_trip(socket, (uint8_t)i)) return -1;
  return 0;
}

int cs_ping_pong(const int sockets[2], long rounds) {
  struct peer peer = {sockets[1], (uint64_t)rounds, NULL, 0, 0};
  return beside(&peer, echo, ping, sockets[0]);
}

// Echoes until the client closes, closes too, and takes the next: what a one-connection-at-a-time server does.
static void *accept_all(void *argument) {
  struct peer *peer = argument;
  for (uint64_t i = 0; i < peer->amount; i++) {
    int connection = accept(peer->socket, NULL, NULL);
    if (connection < 0 || disable_nagle(connection)) {
      peer->error = errno;
      break;
    }
    uint8_t byte;
    while (recv(connection, &byte, 1, 0) == 1) send(connection, &byte, 1, MSG_NOSIGNAL);
    close(connection);
  }
  return NULL;
}

static int connect_all(int listener, struct peer *peer) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  if (getsockname(listener, (struct sockaddr *)&address, &length)) return -1;
  for (uint64_t i = 0; i < peer->amount; i++) {
    int client = connect_to(&address);
    if (client < 0) return -1;
    int failed = round_trip(client, (uint8_t)i);
    close(client);
    if (failed) return -1;
  }
  return 0;
}

int cs_connections(long count) {
  struct sockaddr_in address;
  int listener = listen_on_loopback(&address);
  if (listener < 0) return -1;
  struct peer peer = {listener, (uint64_t)count, NULL, 0, 0};
  int result = beside(&peer, accept_all, connect_all, listener);
  close(listener);
  return result;
}
