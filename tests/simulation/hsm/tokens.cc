#include "tests/simulation/hsm/tokens.h"

#include <algorithm>
#include <cstring>

#include "base/status.h"
#include "base/wire.h"

namespace smki::simulation {
namespace {

constexpr char kMagic[] = "smki-sim-hsm 1";

void EncodeObject(const Object& object, WireWriter& out) {
  out.U32(static_cast<uint32_t>(object.attributes.size()));
  for (const auto& [type, value] : object.attributes) {
    out.U64(type);
    out.Octets(value);
  }
}

Attributes DecodeObject(WireReader& in) {
  Attributes out;
  for (uint32_t left = in.U32(); left > 0 && in.ok(); --left) {
    const CK_ATTRIBUTE_TYPE type = in.U64();
    out[type] = ToBytes(in.Octets());
  }
  return out;
}

void EncodeToken(const Token& token, WireWriter& out) {
  out.Text(token.label);
  out.Text(token.serial);
  out.Fixed(token.officer_pin);
  out.U8(token.user_pin.has_value());
  if (token.user_pin) out.Fixed(*token.user_pin);
  const auto durable = [](const auto& object) { return object->session == 0; };
  out.U32(static_cast<uint32_t>(std::count_if(token.objects.begin(), token.objects.end(), durable)));
  for (const auto& object : token.objects) {
    if (durable(object)) EncodeObject(*object, out);
  }
}

std::unique_ptr<Token> DecodeToken(WireReader& in) {
  auto out = std::make_unique<Token>();
  out->label = in.Text();
  out->serial = in.Text();
  out->officer_pin = in.Digest();
  if (in.U8() != 0) out->user_pin = in.Digest();
  for (uint32_t left = in.U32(); left > 0 && in.ok(); --left) out->Add(DecodeObject(in), 0);
  return out;
}

}  // namespace

bool Object::Is(CK_ATTRIBUTE_TYPE boolean) const {
  const auto found = attributes.find(boolean);
  return found != attributes.end() && found->second == Bytes{CK_TRUE};
}

CK_ULONG Object::Number(CK_ATTRIBUTE_TYPE type) const {
  CK_ULONG out = CK_UNAVAILABLE_INFORMATION;
  const auto found = attributes.find(type);
  if (found != attributes.end() && found->second.size() == sizeof out) {
    std::memcpy(&out, found->second.data(), sizeof out);
  }
  return out;
}

std::string Object::label() const {
  const auto found = attributes.find(CKA_LABEL);
  return found == attributes.end() ? "" : ToString(found->second);
}

bool Object::Hides(CK_ATTRIBUTE_TYPE type) const {
  const CK_ULONG object_class = Number(CKA_CLASS);
  const bool is_key = object_class == CKO_PRIVATE_KEY || object_class == CKO_SECRET_KEY;
  return type == CKA_VALUE && is_key && (Is(CKA_SENSITIVE) || !Is(CKA_EXTRACTABLE));
}

bool Object::Matches(const Attributes& wanted) const {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& want) {
    const auto found = attributes.find(want.first);
    return found != attributes.end() && !Hides(want.first) && found->second == want.second;
  });
}

Object& Token::Add(Attributes attributes, CK_SESSION_HANDLE session) {
  const auto behind = [&](const auto& object) {
    return session == 0 && (object->session != 0 || object->attributes > attributes);
  };
  const auto place = std::find_if(objects.begin(), objects.end(), behind);
  return **objects.insert(place, std::make_unique<Object>(Object{std::move(attributes), session, 0}));
}

Bytes Tokens::Encode() const {
  WireWriter out;
  out.Text(kMagic);
  out.U32(static_cast<uint32_t>(keys_made.size()));
  for (const auto& [labels, count] : keys_made) {
    out.Text(labels.first);
    out.Text(labels.second);
    out.U32(count);
  }
  out.U32(static_cast<uint32_t>(tokens.size()));
  for (const auto& token : tokens) EncodeToken(*token, out);
  return out.Take();
}

Tokens Tokens::Decode(ByteSpan octets) {
  WireReader in(octets);
  SMKI_CHECK(in.Text() == kMagic);
  Tokens out;
  for (uint32_t left = in.U32(); left > 0 && in.ok(); --left) {
    std::string token = in.Text();
    std::string key = in.Text();
    out.keys_made[{std::move(token), std::move(key)}] = in.U32();
  }
  for (uint32_t left = in.U32(); left > 0 && in.ok(); --left) out.tokens.push_back(DecodeToken(in));
  SMKI_CHECK(in.Finish("a simulated HSM").ok());
  return out;
}

}  // namespace smki::simulation
