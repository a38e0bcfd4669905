// What comes to the keyguard and what leaves it: I1 and I2 on released commands, I5 on orders and closings, I3 on
// checkpoints.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "smki/keyguard/v1/keyguard.pb.h"
#include "tests/simulation/check/key_check.h"

namespace smki::simulation {

class KeyguardCheck {
 public:
  // One Sign that was answered: what the ledger's intent and batch entries must say of it.
  struct Asked {
    keyguard::v1::SignRequest request;
    std::vector<Bytes> commands;  // released, in order; of an answer that left
    bool answered = false;
    bool stolen = false;  // asked by an intruder
  };

  KeyguardCheck(Facts& facts, Admissions& admissions, JournalCheck& journal, KeyCheck& key, Quotes& quotes)
      : facts_(facts), admissions_(admissions), journal_(journal), key_(key), quotes_(quotes) {}

  void Request(UtcTime now, const std::string& caller, const std::string& method,
               const std::vector<std::string>& messages);
  void Answer(UtcTime now, const std::string& caller, const std::string& method, const std::string& response);
  void Refusal(const std::string& caller, const std::string& method);
  void Died() { pending_.clear(); }

  const std::vector<Asked>& asked() const { return asked_; }
  struct Note {
    uint64_t entries = 0;
    Digest head{};
  };
  const Note& newest_note() const { return newest_note_; }

 private:
  struct Pending {
    std::vector<std::string> messages;
    UtcTime time;
    bool open = false;     // for the Direction of a Sign, when it came
    uint64_t logins = 0;   // until then
    uint64_t changes = 0;  // of the key's state, until then
    size_t asked = 0;      // index in asked_, of a Sign
  };
  using Queue = std::deque<Pending>;

  void TakePrepare(UtcTime now, const std::vector<std::string>& messages);
  void TakeBeginCustody(UtcTime now, const Pending& pending, const std::string& response);
  std::optional<Pending> Match(const std::string& caller, const std::string& method);
  std::optional<Pending> MatchSign(const std::string& caller, const keyguard::v1::SignResponse& response);
  void Signed(UtcTime now, const std::string& caller, const std::string& octets);
  void Released(UtcTime now, const keyguard::v1::SignRequest& request, const keyguard::v1::SignedCommand& item);
  void ReadCommand(const Command& command, ByteSpan message);
  void Presented(UtcTime now, const Pending& pending, const std::string& response);
  void Proved(const Pending& pending, const std::string& response);
  void Ordered(UtcTime now, const Pending& pending, const std::string& response);
  void Closed(const Pending& pending, const std::string& response);
  void State(const std::string& where, const keyguard::v1::Status& status);
  void Countersigned(const Pending& pending, const std::string& response);

  Facts& facts_;
  Admissions& admissions_;
  JournalCheck& journal_;
  KeyCheck& key_;
  Quotes& quotes_;
  std::map<std::pair<std::string, std::string>, Queue> pending_;
  std::vector<Asked> asked_;
  Note newest_note_;
};

// "— NAME BASE64" notes (docs/formats/checkpoint.md): what they vouch for; an error if they are no note.
struct ReadNote {
  std::string origin, body;
  KeyguardCheck::Note head;
  std::vector<std::string> lines;  // of signatures
};
StatusOr<ReadNote> ReadCheckpoint(std::string_view text);
// True if the line is a signature over `body` by the key of this certificate.
bool LineHolds(const std::string& body, const std::string& line, ByteSpan certificate);

}  // namespace smki::simulation
