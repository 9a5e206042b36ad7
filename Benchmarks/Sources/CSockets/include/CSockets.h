// The yardstick: what a C program gets from blocking sockets with two threads, one for each side.
// Every function returns 0, or -1 with errno set (EBADMSG: the bytes that arrived are not those that were sent).
#ifndef CSOCKETS_H
#define CSOCKETS_H

#include <stddef.h>
#include <stdint.h>

// A connected pair over loopback: sockets[0] called connect, sockets[1] came from accept.
int cs_pair(int sockets[2]);
void cs_close_pair(const int sockets[2]);

// The calling thread sends `bytes` bytes, `chunk` at a time, cycling through `pattern` (which is `chunk` bytes long);
// a second thread receives them and checks the first and last byte of each receive.
int cs_transfer(const int sockets[2], uint64_t bytes, const uint8_t *pattern, size_t chunk);

// One byte there, one byte back, `rounds` times: the calling thread against a second thread that echoes.
int cs_ping_pong(const int sockets[2], long rounds);

// `count` times: connect, one byte each way, close both ends. A second thread accepts.
int cs_connections(long count);

#endif
