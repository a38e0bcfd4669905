// Where the parts of a message lie. Inside gbcs only: ParseMessage keeps the values, Describe the places too.
#pragma once

#include "gbcs/message.h"

namespace smki::gbcs {

inline constexpr uint8_t kGeneralSigning = 0xDF;    // DLMS general-signing: a Grouping Header
inline constexpr uint8_t kGeneralCiphering = 0xDD;  // DLMS general-ciphering: a MAC Header

// All offsets count from the first octet of the message. A part that was not reached has offset 0.
struct Frame {
  Message message;               // what was read so far
  size_t header = 0;             // the tag DF; before it lies the MAC Header, if any
  size_t date_time = 0;          // its length octet
  size_t other_information = 0;  // its length octet; the Message Code follows
  size_t content_length = 0;
  size_t payload = 0;
  size_t signature = 0;  // its length octet
  size_t mac = 0;
};

// Fills `frame` as far as the octets make sense, then says where and why they stopped doing so.
Status ReadFrame(ByteSpan octets, Frame& frame);

}  // namespace smki::gbcs
