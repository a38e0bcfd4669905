// What the commands of `smkictl direction` share: the Direction from the orchestrator, reading its digest back, sending
// a vote.
#pragma once

#include <string>

#include "cli/brief.h"
#include "cli/command.h"
#include "cli/pma_acts.h"

namespace smki::cli {

// kNotFound if none has been drafted yet. Empty id: of the newest incident. `votes_only`: small, however many Devices.
StatusOr<recovery::v1::DirectionView> FetchDirection(Person& person, const std::string& incident,
                                                     bool votes_only = false);
// Every act about that Direction; a keyguard that does not answer leaves its orders unknown.
StatusOr<PmaActs> FetchActs(Person& person, const recovery::v1::DirectionView& view);

// The Directions of other incidents that the orchestrator gave along with `view`, each judged here. A keyguard that
// does not answer once is not asked again.
StatusOr<std::vector<EarlierUse>> JudgeEarlier(Person& person, const recovery::v1::DirectionView& view);

enum class Ballot { kApproval, kRejection, kCastingVote };
// `document` is empty for an approval, whose signature is over the Direction itself.
StatusOr<recovery::v1::IncidentView> SubmitVote(Person& person, const std::string& incident, Ballot ballot,
                                                const std::string& document, const Bytes& signature);

// I8: ENVIRONMENT_MISMATCH unless the Direction is of this person's own estate.
Status CheckEnvironment(const Person& person, const procedures::Direction& direction);

// How a person says that they have read what they sign.
struct ReadBack {
  std::string digest;  // at least 8 digits of its SHA-256
  bool yes = false;
};
// Reads a digest back before anything is signed: from `given`, or from the person at the terminal.
Status Confirm(const Command& command, const ReadBack& given, const std::string& what, const Digest& digest);

// cast and votes (vote_commands.cc).
void AddVoteCommands(CLI::App& group, Command& command);

}  // namespace smki::cli
