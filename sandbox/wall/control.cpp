#include "control.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "wire.h"

namespace wall {

std::optional<ReceivedOrder> receive_order(int socket) {
  ReceivedOrder order{};
  int descriptors[2] = {-1, -1};
  iovec part{&order.packet, sizeof order.packet};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptors)] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t received = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  if (received == 0 || (received < 0 && errno == ECONNRESET)) return std::nullopt;
  if (received < 0) throw std::system_error(errno, std::generic_category(), "receiving an order");
  if (received != sizeof order.packet) throw ProtocolError("an order of the wrong size");
  const cmsghdr *rights = CMSG_FIRSTHDR(&header);
  if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS && rights->cmsg_len == CMSG_LEN(sizeof descriptors))
    std::memcpy(descriptors, CMSG_DATA(rights), sizeof descriptors);
  order.request = descriptors[0];
  order.answer = descriptors[1];
  return order;
}

void send_event(int socket, const EventPacket &event) {
  if (send(socket, &event, sizeof event, MSG_NOSIGNAL) != sizeof event && errno != EPIPE)
    throw std::system_error(errno, std::generic_category(), "sending an event");
}

}  // namespace wall
