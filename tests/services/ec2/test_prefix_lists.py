"""Managed prefix lists, and AWS's own."""


def test_awss_own_lists_are_there_and_nobody_changes_them(net, refused):
    own = {p["PrefixListName"]: p for p in net.ec2.describe_managed_prefix_lists()["PrefixLists"]}
    s3 = own["com.amazonaws.us-east-1.s3"]
    assert s3["OwnerId"] == "AWS" and s3["PrefixListArn"] == f"arn:aws:ec2:us-east-1:aws:prefix-list/{s3['PrefixListId']}" and "com.amazonaws.us-east-1.dynamodb" in own
    assert net.ec2.get_managed_prefix_list_entries(PrefixListId=s3["PrefixListId"])["Entries"]
    [short] = net.ec2.describe_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": ["*.s3"]}])["PrefixLists"]
    assert short["PrefixListId"] == s3["PrefixListId"] and short["Cidrs"]
    assert refused(net.ec2.delete_managed_prefix_list, PrefixListId=s3["PrefixListId"]) == "OperationNotPermitted"
    other = net.cloud.client("ec2", region="eu-west-1").describe_prefix_lists()["PrefixLists"]
    assert {p["PrefixListName"] for p in other} == {"com.amazonaws.eu-west-1.s3", "com.amazonaws.eu-west-1.dynamodb"} and s3["PrefixListId"] not in {p["PrefixListId"] for p in other}


def test_a_list_has_versions(net, refused):
    made = net.ec2.create_managed_prefix_list(PrefixListName="mine", MaxEntries=2, AddressFamily="IPv4", Entries=[{"Cidr": "10.0.0.1/8", "Description": "a"}])["PrefixList"]
    id_ = made["PrefixListId"]
    assert made["State"] == "create-in-progress" and made["Version"] == 1 and made["MaxEntries"] == 2
    new = net.ec2.modify_managed_prefix_list(PrefixListId=id_, CurrentVersion=1, AddEntries=[{"Cidr": "11.0.0.0/8"}])["PrefixList"]
    assert new["Version"] == 2
    assert [e["Cidr"] for e in net.ec2.get_managed_prefix_list_entries(PrefixListId=id_)["Entries"]] == ["10.0.0.0/8", "11.0.0.0/8"]
    assert [e["Cidr"] for e in net.ec2.get_managed_prefix_list_entries(PrefixListId=id_, TargetVersion=1)["Entries"]] == ["10.0.0.0/8"]
    assert refused(net.ec2.modify_managed_prefix_list, PrefixListId=id_, CurrentVersion=1, AddEntries=[{"Cidr": "12.0.0.0/8"}]) == "PrefixListVersionMismatch"
    assert refused(net.ec2.modify_managed_prefix_list, PrefixListId=id_, CurrentVersion=2, AddEntries=[{"Cidr": "12.0.0.0/8"}]) == "PrefixListMaxEntriesExceeded"
    assert refused(net.ec2.modify_managed_prefix_list, PrefixListId=id_, CurrentVersion=2, AddEntries=[{"Cidr": "12.0.0.0/8"}], MaxEntries=5) == "InvalidParameterCombination"
    net.ec2.modify_managed_prefix_list(PrefixListId=id_, MaxEntries=5, PrefixListName="other")
    restored = net.ec2.restore_managed_prefix_list_version(PrefixListId=id_, PreviousVersion=1, CurrentVersion=2)["PrefixList"]
    assert restored["Version"] == 3 and restored["PrefixListName"] == "other"
    assert [e["Cidr"] for e in net.ec2.get_managed_prefix_list_entries(PrefixListId=id_)["Entries"]] == ["10.0.0.0/8"]
    assert net.ec2.delete_managed_prefix_list(PrefixListId=id_)["PrefixList"]["State"] == "delete-in-progress"
    assert refused(net.ec2.describe_managed_prefix_lists, PrefixListIds=[id_]) == "InvalidPrefixListID.NotFound"


def test_what_refers_to_a_list_keeps_it_and_is_listed(net, refused):
    id_ = net.ec2.create_managed_prefix_list(PrefixListName="mine", MaxEntries=2, AddressFamily="IPv4")["PrefixList"]["PrefixListId"]
    group = net.group(net.vpc())
    net.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": id_}]}])
    assert net.ec2.get_managed_prefix_list_associations(PrefixListId=id_)["PrefixListAssociations"] == [{"ResourceId": group, "ResourceOwner": net.cloud.account}]
    assert refused(net.ec2.delete_managed_prefix_list, PrefixListId=id_) == "DependencyViolation"


def test_entries_are_of_the_lists_family(net, refused):
    make = net.ec2.create_managed_prefix_list
    assert refused(make, PrefixListName="x", MaxEntries=1, AddressFamily="IPv4", Entries=[{"Cidr": "::/0"}]) == "InvalidParameterValue"
    assert refused(make, PrefixListName="x", MaxEntries=1, AddressFamily="IPv5") == "InvalidParameterValue"
    assert refused(make, PrefixListName="x", MaxEntries=1, AddressFamily="IPv4", Entries=[{"Cidr": "10.0.0.0/8"}, {"Cidr": "11.0.0.0/8"}]) == "PrefixListMaxEntriesExceeded"
    assert refused(make, PrefixListName="com.amazonaws.x", MaxEntries=1, AddressFamily="IPv4") == "InvalidParameterValue"
    assert refused(make, PrefixListName="x", MaxEntries=1001, AddressFamily="IPv4") == "InvalidParameterValue"
