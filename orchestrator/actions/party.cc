#include "orchestrator/actions/party.h"

#include "gbcs/credentials.h"
#include "procedures/reason.h"
#include "proto/rpc/channel.h"
#include "smki/estate/v1/estate.pb.h"

namespace smki::orchestrator {
namespace {

Status Wrong(const std::string& what) {
  return procedures::Refuse(procedures::Reason::kWRONG_PARTY, what);
}

Status Judge(const std::string& party, Eui64 organisation, const estate::v1::FindPartyResponse& found) {
  if (found.party() == party) return OkStatus();
  const std::string whose = found.party().empty() ? "nobody the certificate authority knows" : found.party();
  return Wrong(fmt::format("the notification names {} with EUI-64 {}, which belongs to {}", party,
                           organisation.ToString(), whose));
}

// `then` gets the party's role.
void FindParty(Transport& estate, const std::string& party, Eui64 organisation, Millis deadline,
               std::function<void(StatusOr<uint32_t>)> then) {
  estate::v1::FindPartyRequest request;
  request.set_organisation(organisation.value());
  rpc::Call<estate::v1::FindPartyResponse>(
      estate, "/smki.estate.v1.CertificateAuthority/FindParty", request, deadline,
      [party, organisation, then = std::move(then)](const StatusOr<estate::v1::FindPartyResponse>& found) {
        if (!found.ok()) return then(found.status());
        const Status judged = Judge(party, organisation, *found);
        then(judged.ok() ? StatusOr<uint32_t>(found->role()) : StatusOr<uint32_t>(judged));
      });
}

Eui64 EuiIn(const NotifiedFacts& facts, const char* key) {
  return Eui64::Parse(facts.at(key)).value_or(Eui64());
}

}  // namespace

void FindParties(Transport& estate, const NotifiedFacts& facts, Millis deadline,
                 std::function<void(const Status&)> done) {
  FindParty(estate, facts.at("party"), EuiIn(facts, "eui"), deadline,
            [&estate, facts, deadline, done = std::move(done)](const StatusOr<uint32_t>& role) {
              if (!role.ok() || !facts.contains("successor")) return done(role.status());
              const std::string& successor = facts.at("successor");
              FindParty(estate, successor, EuiIn(facts, "successorEui"), deadline,
                        [successor, done](const StatusOr<uint32_t>& its_role) {
                          const bool supplier = its_role.ok() && *its_role == uint32_t(gbcs::Role::kSupplier);
                          done(its_role.ok() && !supplier ? Wrong(successor + " is no supplier: it cannot take over "
                                                                              "a supplier's Devices")
                                                          : its_role.status());
                        });
            });
}

}  // namespace smki::orchestrator
