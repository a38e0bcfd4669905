#include "tests/simulation/check/device_check.h"

#include <algorithm>

#include "pki/digest.h"
#include "tests/simulation/check/gbcs_reader.h"

namespace smki::simulation {
namespace {

constexpr uint8_t kResponse = 2;
constexpr uint16_t kMode8Code = 0x0108;

// The key identifier and organisation that a cell must hold.
struct Directed {
  Bytes key;
  Eui64 organisation;
};
std::optional<Directed> DirectedOf(const Use& use, const Digest& certificate) {
  const auto der = use.certificates.find(certificate);
  if (der == use.certificates.end()) return std::nullopt;
  const auto read = pki::Certificate::Parse(der->second);
  if (!read.ok()) return std::nullopt;
  const pki::KeyIdentifier identifier = read->public_key->identifier();
  return Directed{ToBytes(identifier), read->subject_eui.value_or(Eui64())};
}

}  // namespace

void DeviceCheck::Arrived(Eui64 device, ByteSpan message) {
  if (facts_.message_to_counter.contains(pki::Sha256(message))) return;
  const auto frame = ReadFrame(message);
  if (!frame.ok() || !frame->signature) return;  // noise of the network
  for (const auto& [name, point] : facts_.world.token_public_points) {
    const auto key = pki::PublicKey::FromPoint(point);
    if (!key.ok() || !key->Verify(frame->to_be_signed, *frame->signature)) continue;
    facts_.findings.Say("I1",
                        "{} was sent a command that the {} key signed (counter {}) and that the keyguard never gave",
                        device.ToString(), name, frame->counter);
  }
}

void DeviceCheck::Said(Eui64 device, ByteSpan message) {
  if (!said_.insert({device, pki::Sha256(message)}).second) return;
  unjudged_[device].push_back(ToBytes(message));
}

bool DeviceCheck::ReallySaid(Eui64 device, ByteSpan message) const {
  return said_.contains({device, pki::Sha256(message)});
}

bool DeviceCheck::Proves(Eui64 device, ByteSpan message, bool exactly) const {
  const auto frame = ReadFrame(message);
  if (!frame.ok() || frame->cra != kResponse || frame->code != kMode8Code || frame->originator != device) return false;
  const Command* const command = facts_.FindCommand(device, frame->counter);
  if (command == nullptr || frame->recipient != command->use->originator || !frame->signature) return false;
  const auto payload = ReadResponsePayload(frame->payload);
  if (!payload.ok() || payload->counter != frame->counter || payload->mode != 8) return false;
  const Group& group = *command->use->direction.Find(command->group);
  size_t matched = 0;
  for (const auto& [cell, certificate] : group.replacements) {
    const auto directed = DirectedOf(*command->use, certificate);
    const auto told = [&](const ReadOutcome& o) {
      return o.cell == cell && o.status == 0 && directed && o.key_identifier == directed->key &&
             (!exactly || o.replacing == directed->organisation);
    };
    matched += std::any_of(payload->outcomes.begin(), payload->outcomes.end(), told) ? 1 : 0;
  }
  return matched == group.replacements.size() && (!exactly || payload->outcomes.size() == matched);
}

void DeviceCheck::JudgeNew(Eui64 device) const {
  const auto found = unjudged_.find(device);
  if (found == unjudged_.end()) return;
  std::erase_if(found->second, [&](const Bytes& message) {
    const auto frame = ReadFrame(message);
    if (!frame.ok()) return true;
    const Command* const command = facts_.FindCommand(device, frame->counter);
    if (command == nullptr) return false;
    if (Proves(device, message, false)) proven_[command->use->digest].insert(device);
    if (Proves(device, message, true)) proven_exactly_[command->use->digest].insert(device);
    return true;
  });
}

bool DeviceCheck::HoldsDirected(const Digest& direction, Eui64 device, bool exactly) const {
  JudgeNew(device);
  return (exactly ? proven_exactly_ : proven_)[direction].contains(device);
}

uint64_t DeviceCheck::Recovered(const std::string& incident) const {
  uint64_t out = 0;
  for (const auto& [digest, use] : facts_.uses) {
    if (use.direction.incident != incident) continue;
    for (const auto& [group, population] : use.populations) {
      for (Eui64 device : population.devices) out += HoldsDirected(digest, device, true) ? 1 : 0;
    }
  }
  return out;
}

void DeviceCheck::CompareCells(const Cells& before, const Cells& now,
                               const std::set<std::pair<Digest, Eui64>>& recovered) const {
  // What each cell may hold: what it held, and what signed commands would put there.
  std::map<std::pair<Eui64, std::string>, std::set<Bytes>> allowed;
  std::map<std::pair<Eui64, std::string>, Bytes> wanted;
  for (const auto& [counter, command] : facts_.commands) {
    for (const auto& [cell, certificate] : command.use->direction.Find(command.group)->replacements) {
      const auto directed = DirectedOf(*command.use, certificate);
      if (!directed) continue;
      allowed[{command.device, cell}].insert(directed->key);
      if (recovered.contains({command.use->digest, command.device})) wanted[{command.device, cell}] = directed->key;
    }
  }
  for (const auto& [place, key] : wanted) {
    const auto& [device, cell] = place;
    const auto held = now.find(device);
    const bool holds =
        held != now.end() && held->second.contains(cell) && allowed[place].contains(held->second.at(cell));
    if (!holds)
      facts_.findings.Say("I6", "{} is reported recovered; its cell {} does not hold {}", device.ToString(), cell,
                          ToHex(key));
  }
  for (const auto& [device, cells] : before) {
    const auto held = now.find(device);
    for (const auto& [cell, key] : cells) {
      const Bytes* const is = held == now.end() || !held->second.contains(cell) ? nullptr : &held->second.at(cell);
      if (is == nullptr || (*is != key && !allowed[{device, cell}].contains(*is)))
        facts_.findings.Say("I6", "{}: its cell {} was changed to what nobody directed there", device.ToString(), cell);
    }
  }
}

}  // namespace smki::simulation
