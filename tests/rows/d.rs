//! codeartifact.md 6.3: what may come in, what may be published. The language is that of
//! `table.rs` and `stage.rs`; without declarations app looks into store, which is connected to
//! the public side, and `/*` allows everything.

/// Rows that other tests run, with the source that they are in.
pub const ELSEWHERE: &[super::Elsewhere] = &[(
    // With npm itself; the table has them for the other two.
    "D1 D2 D3 D4 D5",
    include_str!("../hosting.rs"),
    "flags_follow_from_the_first_arrival_and_operators_change_them",
)];

pub const ROWS: &str = "
D1 [pypi maven] allow; then flags BLOCK/ALLOW
public x 1.0.0
read app x 1.0.0 -> outside, asked
flags app x -> block/allow

D1 [npm pypi maven] the same where store, which retains it as well, gets its record
public x 1.0.0
read app x 1.0.0 -> outside, asked
flags store x -> block/allow

D1 [npm pypi maven] the same where the bytes were here already, for another repository
public x 1.0.0
read store x 1.0.0 -> outside, asked
flags store x -> block/allow
read app x 1.0.0 -> outside
flags app x -> block/allow

D2 [pypi maven] deny (package publish BLOCK)
public x 1.0.0
read app x 1.0.0 -> outside
flags app x -> block/allow
publish app x 1.1.0 -> 403 takes no published versions
list app x -> 1.0.0

D3 [pypi maven] allow; then flags ALLOW/BLOCK
publish app x 1.1.0 -> taken
flags app x -> allow/block

D4 [pypi maven] deny, not listed, 404
publish app x 1.1.0 -> taken
public x 3.0.0
list app x -> 1.1.0, unasked
read app x 3.0.0 -> 404, unasked

D5 [pypi maven] allow
publish app x 1.1.0 -> taken
public x 1.1.0 3.0.0
read app x 1.1.0 -> ours, unasked

D6 [npm] allow; flags ALLOW/ALLOW
group /* A/A/A
group /npm/space/anycompany~ A/B/A
publish app space/anycompany-x 1.0.0 -> taken, unasked
flags app space/anycompany-x -> allow/allow

D7 [npm] deny
group /* A/A/A
group /npm/space/anycompany~ A/B/A
public space/anycompany-x 1.0.0
read store space/anycompany-x 1.0.0 -> 403 /npm/space/anycompany~, unasked
read app space/anycompany-x 1.0.0 -> 403 /npm/space/anycompany~, unasked
list app space/anycompany-x -> nothing, unasked

D8 [npm] allow (internal)
repository lib
repository app lib
group /* A/A/A
group /npm/space/anycompany~ A/B/A
publish lib space/anycompany-x 1.0.0 -> taken
read app space/anycompany-x 1.0.0 -> ours, unasked
list app space/anycompany-x -> 1.0.0, unasked

D9 [pypi] deny if not yet retained in app
repository lib
repository app lib
group /* A/A/A
group /pypi//mycompany~ A/B/B
publish lib mycompany-x 1.0.0 -> taken
read app mycompany-x 1.0.0 -> 403 /pypi//mycompany~, unasked
list app mycompany-x -> nothing, unasked
read lib mycompany-x 1.0.0 -> ours

D9 [pypi] and so deny, also if app has read it before
ours what is published here is not copied to who reads it: archiving it would then not take it away
repository lib
repository app lib
group /* A/A/A
group /pypi//mycompany~ A/B/A
publish lib mycompany-x 1.0.0 -> taken
read app mycompany-x 1.0.0 -> ours
group /* A/A/A
group /pypi//mycompany~ A/B/B
read app mycompany-x 1.0.0 -> 403 /pypi//mycompany~

D10 [pypi] allow (internal)
public boto3 1.2
install store boto3==1.2 -> works, asked
group /* A/A/A
group /pypi//boto3~ B/B/A
read app boto3 1.2 -> outside, unasked
list app boto3 -> 1.2, unasked
install app boto3==1.2 -> works, unasked

D10 [pypi] the same where the client that brought it took the wheel without its metadata
public boto3 1.2
read store boto3 1.2 -> outside, asked
group /* A/A/A
group /pypi//boto3~ B/B/A
read app boto3 1.2 -> outside, unasked
install app boto3==1.2 -> works, unasked

D11 [pypi] deny; installer says no such version
ours the installer says more: why not (design.md 4)
public boto3 1.2 1.3
install store boto3==1.2 -> works, asked
group /* A/A/A
group /pypi//boto3~ B/B/A
list app boto3 -> 1.2, unasked
read app boto3 1.3 -> 403 /pypi//boto3~, unasked
install app boto3==1.3 -> fails 403, unasked
install app boto3 -> works boto3-1.2, unasked

D12 [pypi] deny
group /* A/A/A
group /pypi//boto3~ B/B/A
publish app boto3 1.4 -> 403 /pypi//boto3~, unasked
publish store boto3 1.4 -> 403 /pypi//boto3~, unasked

D13 [npm] allow; retained in A and B
repository repo-a repo-b
repository repo-b external
group /* A/A/A
group /npm/space/anycompany~ B/repo-b/repo-a
public space/anycompany-x 1.0.0
read repo-a space/anycompany-x 1.0.0 -> outside, asked
repository repo-a
repository repo-b
read repo-a space/anycompany-x 1.0.0 -> outside, unasked
read repo-b space/anycompany-x 1.0.0 -> outside, unasked

D14 [npm] deny (C not in internal list)
repository repo-a repo-b
repository repo-b external
repository repo-c repo-b
group /* A/A/A
group /npm/space/anycompany~ B/repo-b/repo-a
public space/anycompany-x 1.0.0
read repo-c space/anycompany-x 1.0.0 -> 403 /npm/space/anycompany~, unasked
read repo-b space/anycompany-x 1.0.0 -> outside
read repo-c space/anycompany-x 1.0.0 -> 403 /npm/space/anycompany~, unasked
list repo-c space/anycompany-x -> nothing, unasked

D15 [npm] deny (D not in external list)
repository repo-a repo-b
repository repo-b external
repository repo-d external
group /* A/A/A
group /npm/space/anycompany~ B/repo-b/repo-a
public space/anycompany-x 1.0.0
read repo-d space/anycompany-x 1.0.0 -> 403 /npm/space/anycompany~, unasked
list repo-d space/anycompany-x -> nothing, unasked

D16 [npm] deny; effective E=B inheritedFrom /npm/*
group /* A/A/A
group /npm/* ^/B/^
group /npm/space/* ^/^/^
public space/x 1.0.0
read store space/x 1.0.0 -> 403 (inherited from /npm/*), unasked
explain store space/x -> told external inherit: block from /npm/*

D17 [npm] allow; effective P=A inheritedFrom /*
group /* A/A/A
group /npm/* ^/B/^
group /npm/space/* ^/^/^
publish store space/x 1.0.0 -> taken, unasked
explain store space/x -> told publish inherit: allow from /*

D18 [npm] allow (child overrides, most specific only)
group /* A/A/A
group /npm/* ^/B/^
group /npm/space/* ^/A/^
public space/x 1.0.0
read store space/x 1.0.0 -> outside, asked

D19 [npm] allow (ancestor's list)
group /* A/A/A
group /npm/* ^/store/^
group /npm/space/* ^/^/^
public space/x 1.0.0
read store space/x 1.0.0 -> outside, asked

D20 [npm] deny
repository other external
repository store external
group /* A/A/A
group /npm/* ^/store/^
group /npm/space/* ^/^/^
public space/x 1.0.0
read other space/x 1.0.0 -> 403 (inherited from /npm/*), unasked

D21 [npm] deny
group /* A/A/A
group /npm/* {}/^/^
publish app x 1.0.0 -> 403 /npm/*, unasked
publish store x 1.0.0 -> 403 /npm/*, unasked

D22 [npm] allow / deny
group /* A/A/A
group /npm/* B/A/A
group /npm//anycompany-spicy-client$ A/B/A
public anycompany-spicy-client 1.0.0
read store anycompany-spicy-client 1.0.0 -> 403 /npm//anycompany-spicy-client$, unasked
publish store anycompany-spicy-client 2.0.0 -> taken, unasked
list store anycompany-spicy-client -> 2.0.0, unasked

D23 [npm] deny / deny (weak), although /npm/* would allow ingest
group /* A/A/A
group /npm/* B/A/A
group /npm//anycompany-spicy-client$ A/B/A
public AnyCompany-spicy-client 1.0.0
publish store AnyCompany-spicy-client 2.0.0 -> 403 /npm//anycompany-spicy-client$, unasked
read store AnyCompany-spicy-client 1.0.0 -> 403 /npm//anycompany-spicy-client$, unasked
read app AnyCompany-spicy-client 1.0.0 -> 403 /npm//anycompany-spicy-client$, unasked
list app AnyCompany-spicy-client -> nothing, unasked

D24 [npm] allow
group /* A/A/A
group /npm/* B/A/A
group /npm//anycompany-spicy-client$ A/B/A
group /npm//AnyCompany-spicy-client$ B/A/A
public AnyCompany-spicy-client 1.0.0
read store AnyCompany-spicy-client 1.0.0 -> outside, asked

D25 [npm pypi maven] allow, allow
group /{e}/* A/A/A
set-flags app x allow/allow
public x 1.0.0
publish app x 1.1.0 -> taken
read app x 1.0.0 -> outside, asked
list app x -> 1.0.0 1.1.0
flags app x -> allow/allow

D26 [npm pypi maven] deny
group /{e}/* A/A/A
set-flags app x block/allow
publish app x 1.0.0 -> 403 takes no published versions, unasked

D27 [npm pypi maven] deny
group /{e}/* A/B/B
set-flags app x allow/allow
public x 1.0.0
read app x 1.0.0 -> 403 /{e}/*, unasked
list app x -> nothing, unasked

D28 [npm pypi maven] deny (BLOCK wins)
group /{e}/* B/A/A
set-flags app x allow/allow
publish app x 1.0.0 -> 403 /{e}/*, unasked

D29 [npm pypi maven] deny both internal and external
repository app lib external
repository lib
group /{e}/* ^/A/A
set-flags app x allow/block
publish lib x 1.0.0 -> taken
public x 2.0.0
read app x 1.0.0 -> 403, unasked
read app x 2.0.0 -> 403, unasked
list app x -> nothing, unasked

D30 [npm pypi maven] 409 / allow
repository store external
group /{e}/* A/A/A
set-flags store x allow/allow
public x 1.0.0
publish store x 1.0.0 -> 409 is in the public registry, asked
publish store x 1.1.0 -> taken
read store x 1.0.0 -> outside
read store x 1.1.0 -> ours

D31 [npm pypi maven] allow (unreachable, so no conflict)
repository store external
group /{e}/* A/A/A
set-flags store x allow/block
public x 1.0.0
publish store x 1.0.0 -> taken, unasked
read store x 1.0.0 -> ours, unasked

D32 [npm pypi maven] deny by rule (before the conflict check)
repository store external
group /{e}/* B/A/^
public x 1.0.0
publish store x 1.0.0 -> 403 /{e}/*, unasked

D33 [npm pypi maven] success
publish app x 1.0.0 -> taken
publish app x 1.0.0 -> taken
list app x -> 1.0.0

D34 [npm pypi maven] 409
publish app x 1.0.0 -> taken
publish app x 1.0.0 as other -> 409
read app x 1.0.0 -> ours

D35 [npm pypi maven] allow
public x 1.0.0 2.0.0
list app x -> 1.0.0 2.0.0
read app x 1.0.0 -> outside
group /* A/A/A
group /{e}/{ns}/x$ A/B/B
read app x 1.0.0 -> outside, unasked
list app x -> 1.0.0, unasked
read app x 2.0.0 -> 403, unasked

D35 [maven] the same where nobody had asked for the list before
public x 1.0.0 2.0.0
read app x 1.0.0 -> outside
group /* A/A/A
group /{e}/{ns}/x$ A/B/B
read app x 1.0.0 -> outside, unasked
list app x -> 1.0.0, unasked

D35 [npm pypi maven] the same where the package's own flag blocks
public x 1.0.0 2.0.0
list app x -> 1.0.0 2.0.0
read app x 1.0.0 -> outside
flags app x -> block/allow
set-flags app x block/block
set-flags store x block/block
read app x 1.0.0 -> outside, unasked
list app x -> 1.0.0, unasked
read app x 2.0.0 -> 403, unasked

D36 [npm pypi maven] deny: stale package flag still blocks
ours a flag by default follows the group of today, one set by hand stays (design.md 3)
public x 1.0.0
read app x 1.0.0 -> outside
flags app x -> block/allow
publish app x 1.1.0 -> 403 takes no published versions
group /* A/A/A
group /{e}/{ns}/x$ A/B/A
publish app x 1.1.0 -> taken, unasked
set-flags app x block/allow
publish app x 1.2.0 -> 403 takes no published versions, unasked

D37 [pypi maven] deny (default-deny allow-listing works)
group /* B/B/B
group /npm/* ^/store/app
public x 1.0.0
read store x 1.0.0 -> 403 /*, unasked
read app x 1.0.0 -> 403 /*, unasked
list app x -> nothing, unasked

D37 [npm] and what is on the list is allowed
group /* B/B/B
group /npm/* ^/store/app
public x 1.0.0
read app x 1.0.0 -> outside, asked
publish app x 1.1.0 -> 403
";
